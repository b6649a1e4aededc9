/* SPDX-License-Identifier: MIT */
/* How boot/ enters the kernel, what all of the kernel may read of the boot, and payloads. */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "kernel/cmdline.h"
#include "lib/boot_info.h"
#include "lib/named.h"
#include "pv/pv.h"

/* Select the backend: ops, the console and traps work from here on. loader_info: as early_init. */
void kernel_early(enum boot_protocol protocol, u64 loader_info);

/*
 * Boot the kernel, and run the payload; does not return. boot_error is NULL, or what is wrong with
 * the loader's information, in which case info is not used.
 */
void kernel_main(struct boot_info *info, const char *boot_error) __noreturn;

/* What the loader passed, and the parsed command line. */
extern const struct boot_info *boot_info_ptr;
extern struct cmdline cmdline;

/* The TSC's value after the first line; boot_entry_tsc is that at the entry (lib/boot_info.h). */
extern u64 boot_first_line_tsc;

/* The part of run=NAME:ARGUMENT after the colon, or "". */
extern const char *payload_argument;

/* A payload is what run=NAME runs when the kernel has booted. PAYLOAD registers one. */
struct payload {
    struct named named;
    void (*run)(void); /* ends with finish() (kernel/panic.h) */
    bool alone;        /* run on CPU 0, with no other CPU started */
};

#define PAYLOAD(ident, fn)       PAYLOAD_ENTRY(ident, fn, false)
#define PAYLOAD_ALONE(ident, fn) PAYLOAD_ENTRY(ident, fn, true)
#define PAYLOAD_ENTRY(ident, fn, alone) \
    static const struct payload payload_##ident __used __section(".payloads." #ident) \
        __aligned(8) = {{#ident}, fn, alone}

#endif
