/* SPDX-License-Identifier: MIT */
/*
 * An op ROM in a buffer that represents the first MiB of memory, built after pv/rom/abi.h: two
 * blocks, three calls, code that is never executed.
 */
#ifndef TEST_HOST_ROM_IMAGE_H
#define TEST_HOST_ROM_IMAGE_H

#include "pv/rom/loader.h"

#define ROM_MEMORY     0x100000u
#define ROM_PA         0xca000u
#define ROM_IMAGE_SIZE 0x300u
#define ROM_CALLS      0x50u
#define ROM_CODE       0x100u

static u8 rom_memory[ROM_MEMORY];
static const struct phys_window rom_window = {rom_memory, 0, ROM_MEMORY};

/* Write the header's other bytes, then the one that corrects the sum. */
static void rom_store(const struct rom_header *h)
{
    u8 *const rom = rom_memory + ROM_PA;
    u8 sum = 0;

    memcpy(rom, h, sizeof(*h));
    rom[7] = 0;
    for (u32 i = 0; i < h->option_rom[2] * 512u && ROM_PA + i < ROM_MEMORY; i++)
        sum = (u8)(sum + rom[i]);
    rom[7] = (u8)-sum;
}

static struct rom_header rom_build(void)
{
    static const struct rom_call calls[] = {
        {1, ROM_CALL_TO, ROM_CODE}, {35, ROM_NOTHING, 0}, {999, ROM_CALL_TO, ROM_CODE + 0x1ff}};
    const struct rom_header h = {
        .option_rom = {0x55, 0xaa, 2, 0xcb},
        .magic = {'P', 'V', 'O', 'P', '-', 'R', 'O', 'M'},
        .major = ROM_MAJOR,
        .size = ROM_IMAGE_SIZE,
        .calls = ROM_CALLS,
        .nr_calls = ARRAY_SIZE(calls),
        .code = ROM_CODE,
        .code_size = 0x200,
        .init = ROM_CODE + 0x10,
        .name = "a ROM of the test",
    };

    memset(rom_memory + 0xc0000, 0, 0x40000);
    memcpy(rom_memory + ROM_PA + ROM_CALLS, calls, sizeof(calls));
    rom_store(&h);
    return h;
}

#endif
