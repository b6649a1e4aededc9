/* SPDX-License-Identifier: MIT */
/*
 * The parsers of what a loader leaves: one for each protocol, all of which fill struct boot_info.
 *
 * They are pure functions that trust nothing: they read memory through a bounded window only
 * (lib/phys_window.h), and their work is bounded by it and by the sizes of struct boot_info. The
 * host's tests and fuzzers (test/host) give them arbitrary bytes.
 */
#ifndef BOOT_PARSE_H
#define BOOT_PARSE_H

#include "lib/boot_info.h"
#include "lib/phys_window.h"

/*
 * Fill *bi from the loader's information at info_pa, which the window *w shows. image_end_pa is the
 * address of the first byte after the kernel's image. Return NULL, or one line of error
 * text; *bi is then initialised, but what it holds is unspecified.
 */
const char *boot_parse(enum boot_protocol protocol, const struct phys_window *w, u64 info_pa,
                       u64 image_end_pa, struct boot_info *bi);

/*
 * Fill *bi with what this protocol's structures hold, and move first_free_pa past what the loader
 * has packed directly after the image, the modules excepted. Return NULL, or what is wrong.
 *
 *   multiboot2  info_pa is what ebx held (Multiboot2 specification 2.0, section 3)
 *   pvh         info_pa is what ebx held (xen/arch-x86/hvm/start_info.h)
 *   xen_pv      info_pa is the pseudo-physical address of the page that rsi pointed at
 *               (xen/xen.h, struct start_info)
 */
const char *multiboot2_parse(const struct phys_window *w, u64 info_pa, struct boot_info *bi);
const char *pvh_parse(const struct phys_window *w, u64 info_pa, struct boot_info *bi);
const char *xen_pv_parse(const struct phys_window *w, u64 info_pa, struct boot_info *bi);

/*
 * Append one module; cmdline_pa is the address of its string in *w, or 0. A module beyond
 * BOOT_MODULES_MAX, or at an address that cannot exist, is left off and counted; a string that is
 * too long is cut and counted.
 */
void boot_add_module(struct boot_info *bi, u64 base, u64 size, const struct phys_window *w,
                     u64 cmdline_pa);

/* What a parser returns for a map of more than BOOT_MAP_ENTRIES_MAX entries. */
extern const char boot_map_too_long[];

/* Move first_free_pa up to a page boundary, and past every module that it then points into. */
void boot_pass_modules(struct boot_info *bi);

#endif
