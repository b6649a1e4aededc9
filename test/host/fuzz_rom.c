/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as an op ROM, at the end of the window. The sum is corrected first. What the
 * check accepts can be copied and called without leaving the ROM.
 */
#include "fuzz.h"

#include "rom_image.h"

static void require_usable(const struct rom_image *rom, const u8 *end)
{
    const struct rom_header *const h = &rom->header;

    REQUIRE(h->size <= ROM_SIZE_MAX && rom->bytes + h->size <= end);
    REQUIRE(h->init < h->size);
    REQUIRE(is_terminated(h->name, sizeof(h->name)));
    for (u32 i = 0; i < h->nr_calls; i++) {
        const struct rom_call call = rom_get_call(rom, i);

        REQUIRE(call.kind == ROM_NOTHING || call.target < h->size);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    const size_t length = ROM_PA + 0x400 - 0xc0000;
    u8 *const memory = malloc(length);
    const struct phys_window w = {memory, 0xc0000, length};
    struct rom_header h = rom_build();
    struct rom_image rom;
    char why[ROM_WHY_MAX];

    for (size_t i = 0; i + 2 < size; i += 3) /* an offset and a byte to write there */
        rom_memory[ROM_PA + (data[i] | data[i + 1] << 8) % 0x400] = data[i + 2];
    memcpy(&h, rom_memory + ROM_PA, sizeof(h));
    rom_store(&h);
    memcpy(memory, rom_memory + 0xc0000, length);
    if (rom_find(&w, &rom)) {
        if (rom_check(&w, &rom, why))
            require_usable(&rom, memory + length);
        else
            REQUIRE(*why && is_terminated(why, sizeof(why)) && !strchr(why, '\n'));
    }
    free(memory);
    return 0;
}
