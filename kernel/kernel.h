/* The kernel's two entrances, for boot/, and the kinds of code that it runs. */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "boot/boot_info.h"
#include "kernel/cmdline.h"
#include "pv/pv.h"

/* Makes the op table, the console and traps work. loader_info: as for the op early_init. */
void kernel_early(enum boot_protocol protocol, u64 loader_info);

/*
 * The boot story from there on; never returns. boot_error is NULL, or what is wrong with the
 * loader's information: then info is not to be used.
 */
void kernel_main(struct boot_info *info, const char *boot_error) __noreturn;

/* What the loader told, and the parsed command line, for everything above. */
extern const struct boot_info *boot_info_ptr;
extern struct cmdline cmdline;

/* The TSC's value at the first instruction of the entry, and after the first line. */
extern u64 boot_entry_tsc, boot_first_line_tsc;

/* What follows the colon in run=NAME:ARGUMENT, or "". */
extern const char *payload_argument;

/*
 * A payload is what run=NAME runs once the kernel stands. PAYLOAD registers one; whatever floor it
 * lies on, the kernel finds it by the linker's section.
 */
struct payload {
    const char *name;
    void (*run)(void); /* ends by finish() (kernel/panic.h) */
    bool alone;        /* runs while no CPU but the first was touched */
};

#define PAYLOAD(ident, fn)       PAYLOAD_ENTRY(ident, fn, false)
#define PAYLOAD_ALONE(ident, fn) PAYLOAD_ENTRY(ident, fn, true)
#define PAYLOAD_ENTRY(ident, fn, alone) \
    static const struct payload payload_##ident __used __section(".payloads." #ident) \
        __aligned(8) = {#ident, fn, alone}

/*
 * What whoever runs this machine may ask of it, by callbacks (pv/callbacks.h): to be saved and to
 * go on, to end, to use more or less memory.
 */
/* What was asked so far. */
struct lifecycle {
    u32 suspends, resumes, cancelled;
    u64 memory_target; /* bytes; 0: nobody has said */
};
extern struct lifecycle lifecycle;

void lifecycle_suspend(void);
void lifecycle_resume(bool was_cancelled);
void lifecycle_shutdown_request(enum pv_shutdown_reason reason);
void lifecycle_memory_target(u64 bytes);

#endif
