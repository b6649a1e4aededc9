/* SPDX-License-Identifier: MIT */
/*
 * SMBIOS tables in a buffer that represents the first MiB of memory, built after the SMBIOS
 * specification 3.6, chapters 5 to 7: a BIOS structure without strings, then the system's.
 */
#ifndef TEST_HOST_SMBIOS_IMAGE_H
#define TEST_HOST_SMBIOS_IMAGE_H

#include "lib/smbios.h"

#define SMBIOS_MEMORY 0x100000u
#define SMBIOS_ENTRY  0xf5000u
#define SMBIOS_TABLE  0xf5100u

static u8 smbios_memory[SMBIOS_MEMORY];
static const struct phys_window smbios_window = {smbios_memory, 0, SMBIOS_MEMORY};

static const u8 smbios_structures[] = {
    0,   5,   0,   0,   9,   0,   0,                               /* BIOS: no string */
    1,   9,   1,   0,   1,   2,   0,   3,   0,                     /* system: serial is string 3 */
    'm', 'a', 'k', 'e', 0,   'P', 'C', 0,                          /* strings 1 and 2 */
    'V', 'M', 'w', 'a', 'r', 'e', '-', '5', '6', ' ', '4', 'd', 0, /* string 3 */
    0,   127, 4,   2,   0,   0,   0,
};

static void smbios_checksum(u8 *bytes, u32 size, u32 at)
{
    u8 sum = 0;

    bytes[at] = 0;
    for (u32 i = 0; i < size; i++)
        sum = (u8)(sum + bytes[i]);
    bytes[at] = (u8)-sum;
}

/* Correct the entry point's checksum, over as many bytes as it claims to have. */
static void smbios_finish(void)
{
    u8 *const entry = smbios_memory + SMBIOS_ENTRY;
    const bool is_64_bit = entry[3] == '3';

    smbios_checksum(entry, entry[is_64_bit ? 6 : 5], is_64_bit ? 5 : 4);
}

/* Write the entry point of 32 bits, or of 64, and the structures. */
static void smbios_build(bool is_64_bit)
{
    u8 *const entry = smbios_memory + SMBIOS_ENTRY;
    const u32 size = sizeof(smbios_structures), table = SMBIOS_TABLE;

    memset(smbios_memory + 0xf0000, 0, 0x10000);
    memcpy(smbios_memory + SMBIOS_TABLE, smbios_structures, size);
    memcpy(entry, is_64_bit ? "_SM3_" : "_SM_", is_64_bit ? 5 : 4);
    if (is_64_bit) {
        entry[6] = 0x18;
        memcpy(entry + 0x0c, &size, 4);
        memcpy(entry + 0x10, &(u64){SMBIOS_TABLE}, 8);
    } else {
        entry[5] = 0x1f;
        memcpy(entry + 0x16, &size, 2);
        memcpy(entry + 0x18, &table, 4);
    }
    smbios_finish();
}

#endif
