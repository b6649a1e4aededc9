/* SPDX-License-Identifier: MIT */
/*
 * The hand-over from the loader to the kernel: where all boot paths meet.
 *
 * The image has four entries. Each loader uses one, and leaves the CPU in this state:
 *
 *   loader              entry               CPU                        registers
 *   GRUB, multiboot2    multiboot2_entry    32-bit protected mode,     eax: the loader's magic
 *                       (entry32.S)         paging off                 ebx: the info block
 *   QEMU -kernel, PVH;  pvh_entry           32-bit protected mode,     ebx: struct hvm_start_info
 *   Xen, PVH            (entry32.S)         paging off
 *   Xen, PV             xen_pv_entry        64-bit mode at CPL 3,      rsi: struct start_info,
 *                       (entry_xen_pv.S)    Xen's page tables, the         a virtual address
 *                                           image mapped at VIRT_BASE
 *   another CPU         pv/native/start.S, or on Xen a context that the backend fills
 *
 * Interrupts are disabled in all of them (a PV guest's events masked), and nothing else may be
 * assumed: flags, debug registers, segments and the stack are whatever the loader left. The hops
 * from there to the payload:
 *
 *   1. The entry sets a stack (boot_stack.S) and the base of %gs, and stores the TSC. The 32-bit
 *      entries first check that the CPU can run this kernel, build page tables for the first 4 GiB,
 *      and go to 64-bit mode; a fault from there on is reported by early_trap.S.
 *   2. boot_main, below, the first C function.
 *   3. kernel_early (kernel/main.c) selects a backend and fills the op table, then sets up the
 *      exception handlers and the console.
 *   4. boot_parse (parse.c) turns the loader's information into struct boot_info
 *      (lib/boot_info.h has what it promises). Only now, so that an error can be printed.
 *   5. kernel_main (kernel/main.c) starts one part of the kernel after the other, then the payload.
 *
 * Next: kernel/main.c.
 */
#include "boot/parse.h"
#include "kernel/kernel.h"
#include "lib/address_map.h"

extern const char _image_end[];

/* Called by the entries. info: the address of the loader's information, from %ebx or %rsi. */
void boot_main(enum boot_protocol protocol, u64 info);

/*
 * Give the parsers a window of the memory that is mapped. The 32-bit entries' tables map the first
 * 4 GiB; Xen's are certain to map only what is before the end of the start_info page.
 */
void boot_main(enum boot_protocol protocol, u64 info)
{
    static struct boot_info boot_info;
    struct phys_window window = {(const u8 *)DIRECT_MAP_BASE, 0, BOOT_MAP_SIZE};

    kernel_early(protocol, info);
    if (protocol == BOOT_XEN_PV) {
        info -= VIRT_BASE;
        window = (struct phys_window){(const u8 *)VIRT_BASE, 0, info + PAGE_SIZE};
    }
    kernel_main(&boot_info,
                boot_parse(protocol, &window, info, (u64)_image_end - VIRT_BASE, &boot_info));
}
