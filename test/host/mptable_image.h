/* SPDX-License-Identifier: MIT */
/*
 * An MP table of two CPUs in a buffer that represents the first MiB of memory, built after the
 * MultiProcessor Specification 1.4, chapter 4.
 */
#ifndef TEST_HOST_MPTABLE_IMAGE_H
#define TEST_HOST_MPTABLE_IMAGE_H

#include "lib/mptable.h"

#define MP_MEMORY  0x100000u
#define MP_TABLE   0xf1000u
#define MP_POINTER 0xf0ff0u /* the last address that is searched */

static u8 mp_memory[MP_MEMORY];
static u32 mp_end; /* end of the table */

static const struct phys_window mp_window = {mp_memory, 0, MP_MEMORY};

static void mp_checksum(u8 *bytes, u32 size, u32 at)
{
    u8 sum = 0;

    bytes[at] = 0;
    for (u32 i = 0; i < size; i++)
        sum = (u8)(sum + bytes[i]);
    bytes[at] = (u8)-sum;
}

static void mp_put(const u8 *entry, u32 size)
{
    memcpy(mp_memory + mp_end, entry, size);
    mp_end += size;
}

/*
 * Write a pointer structure. feature: 0, or the number of a default configuration; features: bit 7
 * set if there is an IMCR.
 */
static void mp_put_pointer(u32 at, u32 table, u8 feature, u8 features)
{
    u8 *p = mp_memory + at;

    memset(p, 0, 16);
    memcpy(p, "_MP_", 4);
    memcpy(p + 4, &table, 4);
    p[8] = 1;
    p[9] = 4;
    p[11] = feature;
    p[12] = features;
    mp_checksum(p, 16, 10);
}

/* Set length and checksum, after all entries have been added. */
static void mp_finish(void)
{
    const u32 size = mp_end - MP_TABLE;

    mp_memory[MP_TABLE + 4] = (u8)size;
    mp_memory[MP_TABLE + 5] = (u8)(size >> 8);
    mp_checksum(mp_memory + MP_TABLE, size, 7);
}

static __unused void mp_build(void)
{
    static const u8 cpu0[20] = {0, 0, 0x14, 3}, cpu1[20] = {0, 4, 0x14, 1},
                    off[20] = {0, 2, 0x14, 0};
    static const u8 pci[] = {1, 0, 'P', 'C', 'I', ' ', ' ', ' '};
    static const u8 isa[] = {1, 1, 'I', 'S', 'A', ' ', ' ', ' '};
    static const u8 ioapic[] = {2, 8, 0x11, 1, 0, 0, 0xc0, 0xfe};
    static const u8 second[] = {2, 9, 0x11, 1, 0, 0x10, 0xc0, 0xfe};
    static const u8 timer[] = {3, 0, 0, 0, 1, 0, 8, 2}, irq4[] = {3, 0, 0, 0, 1, 4, 0xff, 4};
    static const u8 irq9[] = {3, 0, 15, 0, 1, 9, 9, 3}, again[] = {3, 0, 0, 0, 1, 9, 8, 9};
    static const u8 of_pci[] = {3, 0, 15, 0, 0, 8, 8, 16}, ext[] = {3, 3, 0, 0, 1, 0, 8, 0};
    static const u8 lint[] = {4, 1, 0, 0, 1, 0, 0xff, 1};

    memset(mp_memory, 0, sizeof(mp_memory));
    memcpy(mp_memory + MP_TABLE, "PCMP", 4);
    mp_end = MP_TABLE + 44;
    mp_put(cpu0, sizeof(cpu0));
    mp_put(off, sizeof(off));
    mp_put(cpu1, sizeof(cpu1));
    mp_put(pci, sizeof(pci));
    mp_put(isa, sizeof(isa));
    mp_put(ioapic, sizeof(ioapic));
    mp_put(second, sizeof(second));
    mp_put(ext, sizeof(ext));
    mp_put(timer, sizeof(timer));
    mp_put(irq4, sizeof(irq4));
    mp_put(irq9, sizeof(irq9));
    mp_put(again, sizeof(again));
    mp_put(of_pci, sizeof(of_pci));
    mp_put(lint, sizeof(lint));
    mp_finish();
    mp_put_pointer(MP_POINTER, MP_TABLE, 0, 0x80);
}

#endif
