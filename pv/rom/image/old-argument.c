/* SPDX-License-Identifier: MIT */
/*
 * set_ptes and init_ptes of version 1, before they had a count: one entry a call. A ROM that has
 * them and claims version 2 shows what an argument costs that a binary interface gains without a
 * new major version (docs/api-or-abi.md).
 */
#include "pv/rom/abi.h"

void rom_set_ptes(u64 *slot, u64 value);
void rom_init_ptes(u64 *slot, u64 value);

void rom_set_ptes(u64 *slot, u64 value)
{
    *(volatile u64 *)slot = value;
}

void rom_init_ptes(u64 *slot, u64 value)
{
    *(volatile u64 *)slot = value;
}
