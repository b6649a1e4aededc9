/* SPDX-License-Identifier: MIT */
/* The search for SMBIOS's entry point, and the walk through its structures (lib/smbios.h). */
#include "lib/smbios.h"
#include "lib/string.h"

enum {
    /* The 32-bit entry point, section 5.2.1. */
    ENTRY_LENGTH = 0x05,
    ENTRY_LENGTH_LEAST = 0x1e, /* version 2.1 wrote this in place of 0x1f */
    ENTRY_TABLE_LENGTH = 0x16,
    ENTRY_TABLE = 0x18,
    ENTRY_SIZE = 0x1f,

    /* The 64-bit entry point, section 5.2.2. */
    ENTRY3_LENGTH = 0x06,
    ENTRY3_TABLE_LENGTH = 0x0c,
    ENTRY3_TABLE = 0x10,
    ENTRY3_SIZE = 0x18,

    /* A structure, section 6.1: a header, more bytes, then strings, which two zero bytes end. */
    HEADER_SIZE = 4,
    HEADER_LENGTH = 1,
    TYPE_SYSTEM = 1,
    TYPE_END = 127,
    SYSTEM_SERIAL = 7, /* the number of a string, 0: none */
};

#define BIOS_ROM     0xf0000u
#define BIOS_ROM_END 0x100000u
#define PARAGRAPH    16
#define TABLE_MAX    MIB(1) /* a greater length is an error of the firmware */

static bool sum_is_zero(const u8 *bytes, u32 size)
{
    u8 sum = 0;

    for (u32 i = 0; i < size; i++)
        sum = (u8)(sum + bytes[i]);
    return sum == 0;
}

/* Make *table the window of the structures that the entry point at pa names, if one is there. */
static bool find_table(const struct phys_window *w, u64 pa, struct phys_window *table)
{
    const u8 *const old = phys_window_get(w, pa, ENTRY_SIZE);
    const u8 *const new = phys_window_get(w, pa, ENTRY3_SIZE);

    if (new && !memcmp(new, "_SM3_", 5) && new[ENTRY3_LENGTH] >= ENTRY3_SIZE &&
        phys_window_get(w, pa, new[ENTRY3_LENGTH]) && sum_is_zero(new, new[ENTRY3_LENGTH]))
        return load32(new + ENTRY3_TABLE_LENGTH) <= TABLE_MAX &&
               phys_window_cut(w, load64(new + ENTRY3_TABLE), load32(new + ENTRY3_TABLE_LENGTH),
                               table);
    if (old && !memcmp(old, "_SM_", 4) && old[ENTRY_LENGTH] >= ENTRY_LENGTH_LEAST &&
        phys_window_get(w, pa, old[ENTRY_LENGTH]) && sum_is_zero(old, old[ENTRY_LENGTH]))
        return phys_window_cut(w, load32(old + ENTRY_TABLE),
                               old[ENTRY_TABLE_LENGTH] | (u32)old[ENTRY_TABLE_LENGTH + 1] << 8,
                               table);
    return false;
}

/* Return what is after the string at `at`: `end`, if the string does not end before. */
static const u8 *after_string(const u8 *at, const u8 *end)
{
    while (at < end && *at)
        at++;
    return at < end ? at + 1 : end;
}

/*
 * Return the string of this number, counted from 1, of the list of strings at `strings`, or `end`
 * if the list is shorter. Set *after to what is after the list, or to `end`.
 */
static const u8 *find_string(const u8 *strings, const u8 *end, u32 number, const u8 **after)
{
    const u8 *found = end, *at = strings;
    s64 zeros;

    for (u32 i = 1; at < end && *at; i++) {
        if (i == number)
            found = at;
        at = after_string(at, end);
    }
    zeros = at == strings ? 2 : 1; /* a list without a string has two zero bytes, too */
    *after = end - at < zeros ? end : at + zeros;
    return found;
}

static void copy_string(const u8 *text, const u8 *end, char *to, size_t cap)
{
    size_t i = 0;

    for (; text + i < end && text[i] && i + 1 < cap; i++)
        to[i] = (char)text[i];
    to[i] = '\0';
}

/* Return whether a structure's header, and the bytes that it counts, are before `end`. */
static bool is_structure(const u8 *at, const u8 *end)
{
    return end - at >= HEADER_SIZE && at[HEADER_LENGTH] >= HEADER_SIZE &&
           end - at >= at[HEADER_LENGTH] && at[0] != TYPE_END;
}

void smbios_serial_number(const struct phys_window *w, char *serial, size_t cap)
{
    struct phys_window table = {0};
    const u8 *at, *end;

    serial[0] = '\0';
    for (u32 pa = BIOS_ROM; pa < BIOS_ROM_END && !table.base; pa += PARAGRAPH)
        if (!find_table(w, pa, &table))
            table = (struct phys_window){0};
    if (!table.base)
        return;
    at = table.base;
    end = at + table.size;
    while (is_structure(at, end)) {
        const u8 *const strings = at + at[HEADER_LENGTH];
        const bool is_system = at[0] == TYPE_SYSTEM && at[HEADER_LENGTH] > SYSTEM_SERIAL;
        const u8 *const found = find_string(strings, end, is_system ? at[SYSTEM_SERIAL] : 0, &at);

        copy_string(found, end, serial, cap);
        if (is_system)
            return;
    }
}
