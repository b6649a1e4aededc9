/* SPDX-License-Identifier: MIT */
/*
 * write_cr3 of version 1, whose argument was the root's address, not the number of its frame. A ROM
 * that has it and claims version 2 shows what a changed meaning costs (docs/api-or-abi.md).
 */
#include "pv/rom/abi.h"

void rom_write_cr3(u64 address);

void rom_write_cr3(u64 address)
{
    __asm__ volatile("movq %0, %%cr3" : : "r"(address) : "memory");
}
