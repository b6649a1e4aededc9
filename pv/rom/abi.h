/* SPDX-License-Identifier: MIT */
/*
 * The binary interface between this kernel and an op ROM, in the spirit of VMware's VMI of 2006 and
 * 2007: a block of code that another build has compiled, which the firmware puts into memory, and
 * into which the kernel's calls of ops lead. The kernel and a ROM have nothing in common but this
 * file and calls.def.
 *
 * A ROM is an option ROM of a PC (PCI Firmware Specification 3.3, section 5.1), so the firmware
 * loads it: it begins with 55 aa and its length in units of 512 bytes, its bytes add up to 0, and
 * the far call of the firmware to offset 3 returns at once. What the kernel needs is after that:
 *
 *     header   struct rom_header
 *     calls    nr_calls times struct rom_call, in any order
 *     code     position independent, without data that it changes
 *
 * The kernel copies the ROM into its own text, calls init, and puts the address of each call into
 * the op's slot; patching then leads the op's call sites straight to it. Each call obeys the x86-64
 * calling convention of C. Its arguments are 64-bit words, also where the op has a type of its own:
 * a pfn, an entry of a page table, the address of one.
 *
 * Versions. The kernel refuses a ROM of another major version: a call's arguments or its meaning
 * differ. A ROM of a lower minor version lacks calls, for which the kernel has its native ops; one
 * of a higher has calls that the kernel ignores. Nothing but the two numbers shows which it is.
 */
#ifndef PV_ROM_ABI_H
#define PV_ROM_ABI_H

/*
 * Version 1 took addresses where version 2 takes frame numbers (write_cr3), and had no count for
 * set_ptes and init_ptes. docs/api-or-abi.md shows what a ROM of version 1 does to this kernel.
 */
#define ROM_MAJOR 2
#define ROM_MINOR 0

#define ROM_MAGIC     "PVOP-ROM"
#define ROM_SIGNATURE 0x504f5650u /* "PVOP": what the search looks for */
#define ROM_BLOCK     512
#define ROM_SIZE_MAX  8192

/* What the kernel does with the call sites of an op. */
#define ROM_CALL_TO 1 /* lead them to target */
#define ROM_NOTHING 2 /* the op does nothing: make them a no-op; target is 0 */

#ifndef __ASSEMBLY__

#include "lib/types.h"

struct rom_header {
    u8 option_rom[8]; /* 55 aa, blocks, a far return; the last byte corrects the sum */
    char magic[8];
    u16 major, minor;
    u32 size;            /* of the ROM in bytes */
    u32 calls, nr_calls; /* offset and number of the struct rom_calls */
    u32 code, code_size; /* offset and size of the code: each target is in it */
    u32 init;            /* offset of init(major, minor): the kernel's; 0: the ROM agrees */
    char name[28];       /* for people */
};

struct rom_call {
    u16 number; /* in calls.def */
    u16 kind;   /* ROM_CALL_TO or ROM_NOTHING */
    u32 target; /* offset */
};

_Static_assert(sizeof(struct rom_header) == 72 && sizeof(struct rom_call) == 8,
               "as ROMs have them");

#endif
#endif
