/* SPDX-License-Identifier: MIT */
/*
 * The place of the op ROM in the kernel's text, and the function of an op that does nothing.
 *
 * The text is writable until the kernel has its own page tables, and read-only and executable from
 * then on, so early_init copies the ROM here. Any call site reaches it by a 32-bit distance. The
 * area takes memory and no bytes of the file.
 */
#include "pv/rom/abi.h"

	.section .pv_rom, "ax", @nobits
	.balign	4096
	.globl	pv_rom_area
pv_rom_area:
	.skip	ROM_SIZE_MAX

	.section .text.rom_nothing, "ax", @progbits
	.globl	rom_nothing
	.type	rom_nothing, @function
rom_nothing:
	ret
	.size	rom_nothing, . - rom_nothing
