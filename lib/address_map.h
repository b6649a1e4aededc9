/* SPDX-License-Identifier: MIT */
/*
 * The address map: every fixed address of the kernel, for C, assembly and the linker script.
 *
 *  from               to                 what is there                     mapped by
 *  0000000000001000   00007fffffffffff   user code, one space at a time    mm/space.c
 *  ffff800000000000   ffff87ffffffffff   slots 256 to 271 of the root:     Xen
 *                                        Xen's own in a PV guest
 *  ffff880000000000   ffff887fffffffff   slot 272: the direct map,         boot/entry32.S, then
 *    DIRECT_MAP_BASE                     physical address 0 and up         mm/kernel_tables.c
 *  ffff888000000000   ffff88d7ffffffff   slot 273, 352 GiB: mappings made  mm/vmap.c
 *    VMAP_BASE                           at run time, and their guards
 *  ffff88d800000000   ffff88dbffffffff   slot 273, 16 GiB: pages whose     repro/kit/tables.c
 *    REPRO_AREA_BASE                     tables a repro edits
 *  ffff88dc00000000   ffff88fb7fffffff   slot 273, 126 GiB: the heap of    kernel/app.c
 *    PROGRAM_HEAP_BASE                   the program on newlib
 *  ffff88fb80000000   ffff88fbffffffff   slot 273, 2 GiB: the stack of     kernel/app_stack.c
 *    PROGRAM_STACK_BASE                  main(), from the top down
 *  ffff88fc00000000   ffff88ffffffffff   slot 273, the last 16 GiB: left   test/
 *    TEST_AREA_BASE                      to the tests
 *  ffffffff80000000   ffffffffffdfffff   the kernel's window: physical 0   linker.ld,
 *    VIRT_BASE                           and up; only the image, from      mm/kernel_tables.c
 *                                        + 1 MiB on, stays mapped
 *  ffffffffffe00000   ffffffffffffffff   fixmap: 512 pages                 the op set_fixmap
 *    FIXMAP_BASE
 *
 * The kernel leaves slots 256 to 271 alone on every platform, so that one image serves all of them
 * (xen/arch-x86/xen-x86_64.h). Slots 272, 273 and 511 of the root exist from the first table that
 * mm/ builds, and every address space shares them.
 */
#ifndef LIB_ADDRESS_MAP_H
#define LIB_ADDRESS_MAP_H

/* The top 2 GiB, which -mcmodel=kernel needs. Physical 0 is here. */
#define VIRT_BASE 0xffffffff80000000

/* The image's physical address: 1 MiB, where every loader can put it. */
#define BOOT_IMAGE_BASE 0x100000

#define DIRECT_MAP_BASE 0xffff880000000000
#define DIRECT_MAP_SLOT 272

/* The page tables of the 32-bit entries map physical addresses below this one (4 GiB). */
#define BOOT_MAP_SIZE 0x100000000

#define VMAP_BASE          0xffff888000000000
#define REPRO_AREA_BASE    0xffff88d800000000
#define PROGRAM_HEAP_BASE  0xffff88dc00000000
#define PROGRAM_STACK_BASE 0xffff88fb80000000
#define TEST_AREA_BASE     0xffff88fc00000000
#define VMAP_END           0xffff890000000000

#define FIXMAP_BASE 0xffffffffffe00000

#define USER_END 0x0000800000000000 /* the first address that no user page can have */

#endif
