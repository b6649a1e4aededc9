/* SPDX-License-Identifier: MIT */
/*
 * The tables on which a native CPU enters 64-bit mode: the first page tables, a GDT, and EFER's
 * value.
 *
 * boot/entry32.S fills the page tables on the first CPU. Every other CPU passes through them again
 * on its way to the kernel's own tables (long_mode.inc, start.S), so they are never freed.
 *
 * Three slots of the root lead to the same table of level 3:
 *
 *   slot 0                  the identity, which the switch to 64-bit mode needs
 *   slot DIRECT_MAP_SLOT    the direct map
 *   slot 511                the kernel's window: VIRT_BASE is 2 GiB before its end
 *
 * That table's slots 0 to 3 lead to the four tables of level 2, for the first 4 GiB, and its slots
 * 510 and 511 to the first two of them again, for the kernel's window. So the other two areas show
 * the first 2 GiB at their end too, which is not used.
 */
#include "pv/native/long_mode.inc"

	.section .bss
	.balign	4096
	.globl	boot_pml4, boot_pdpt, boot_pd
boot_pml4:
	.skip	4096
boot_pdpt:
	.skip	4096
boot_pd:
	.skip	BOOT_MAP_SIZE / LARGE_PAGE_SIZE * 8

	.section .rodata
	.balign	8
	.globl	boot_gdt, boot_gdt_ptr
boot_gdt:
	.quad	0
	.quad	DESCRIPTOR_KERNEL_CODE		/* KERNEL_CS: 64-bit code */
	.quad	DESCRIPTOR_KERNEL_DATA		/* KERNEL_DS */
	.quad	0x00cf9b000000ffff		/* BOOT_CS32: 32-bit code */
boot_gdt_ptr:
	.short	. - boot_gdt - 1
	.quad	PHYS(boot_gdt)

/* EFER on the way to 64-bit mode. boot/entry32.S clears NXE here if the CPU lacks it. */
	.data
	.balign	4
	.globl	boot_efer
boot_efer:
	.long	EFER_LME | EFER_NXE
