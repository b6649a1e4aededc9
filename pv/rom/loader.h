/* SPDX-License-Identifier: MIT */
/*
 * The loader of op ROMs: finds one, and checks it before a byte of it is used. Pure functions over
 * a window of memory, as the parsers of firmware's tables are.
 */
#ifndef PV_ROM_LOADER_H
#define PV_ROM_LOADER_H

#include "lib/phys_window.h"
#include "pv/rom/abi.h"

#define ROM_WHY_MAX 96

/* A ROM that was found and, if rom_check has accepted it, is as abi.h says. */
struct rom_image {
    u64 pa;
    const u8 *bytes;
    struct rom_header header;
};

/* One of the calls that this kernel knows (calls.def). */
struct rom_known_call {
    u16 number;
    u8 op; /* index of its slot */
    bool returns_value;
};

extern const struct rom_known_call rom_known_calls[];
extern const u32 rom_nr_known_calls;

/* Return what the kernel knows of the call of this number, or NULL. */
const struct rom_known_call *rom_known_call(u16 number);

/*
 * Find the first option ROM from 0xc0000 to 0xeffff that has the signature of an op ROM. Return
 * false if none has.
 */
bool rom_find(const struct phys_window *w, struct rom_image *rom);

/*
 * Check the ROM. Return true if it can be used; else write one line that says why not to why, which
 * has room for ROM_WHY_MAX bytes.
 */
bool rom_check(const struct phys_window *w, const struct rom_image *rom, char *why);

/* Return the ROM's call i, of header.nr_calls. */
struct rom_call rom_get_call(const struct rom_image *rom, u32 i);

#endif
