/* SPDX-License-Identifier: MIT */
/* The search for an op ROM, and the checks (pv/rom/loader.h). */
#include "pv/rom/loader.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/pv.h"

/* Where firmware puts option ROMs, and on which boundaries (PCI Firmware Specification 3.3, 5.2).
 */
#define OPTION_ROMS     0xc0000u
#define OPTION_ROMS_END 0xf0000u
#define OPTION_ROM_STEP 2048

#define VALUE                                true
#define NONE                                 false
#define ROM_CALL(number, class, op, returns) {number, PV_INDEX(class.op), returns},
const struct rom_known_call rom_known_calls[] = {
#include "pv/rom/calls.def"
};
#undef VALUE
#undef NONE
const u32 rom_nr_known_calls = ARRAY_SIZE(rom_known_calls);

const struct rom_known_call *rom_known_call(u16 number)
{
    for (u32 i = 0; i < rom_nr_known_calls; i++)
        if (rom_known_calls[i].number == number)
            return &rom_known_calls[i];
    return NULL;
}

static u32 nr_blocks(const struct rom_header *header)
{
    return header->option_rom[2];
}

bool rom_find(const struct phys_window *w, struct rom_image *rom)
{
    for (u64 pa = OPTION_ROMS; pa < OPTION_ROMS_END; pa += OPTION_ROM_STEP) {
        struct rom_header *const h = &rom->header;

        if (!phys_window_read(w, pa, h, sizeof(*h)))
            return false;
        if (h->option_rom[0] == 0x55 && h->option_rom[1] == 0xaa &&
            load32(h->magic) == ROM_SIGNATURE) {
            rom->pa = pa;
            rom->bytes = phys_window_get(w, pa, sizeof(*h));
            return true;
        }
    }
    return false;
}

struct rom_call rom_get_call(const struct rom_image *rom, u32 i)
{
    struct rom_call call;

    memcpy(&call, rom->bytes + rom->header.calls + i * sizeof(call), sizeof(call));
    return call;
}

static bool sum_is_zero(const u8 *bytes, u32 size)
{
    u8 sum = 0;

    for (u32 i = 0; i < size; i++)
        sum = (u8)(sum + bytes[i]);
    return sum == 0;
}

/* Return whether people can read the name, which ends in a zero byte. */
static bool name_is_text(const struct rom_header *h)
{
    u32 i = 0;

    while (i < sizeof(h->name) && h->name[i] >= ' ' && h->name[i] <= '~')
        i++;
    return i < sizeof(h->name) && !h->name[i];
}

/* Check the ROM's version, its size, and the places that the header names. */
static bool check_header(const struct phys_window *w, const struct rom_image *rom, char *why)
{
    const struct rom_header *const h = &rom->header;
    const u32 there = nr_blocks(h) * ROM_BLOCK;

    if (memcmp(h->magic, ROM_MAGIC, sizeof(h->magic)))
        ksnprintf(why, ROM_WHY_MAX, "bad magic after \"PVOP\": not an op ROM");
    else if (h->major != ROM_MAJOR)
        ksnprintf(why, ROM_WHY_MAX, "it is of version %u.%u, and this kernel takes %u.x", h->major,
                  h->minor, ROM_MAJOR);
    else if (h->size > ROM_SIZE_MAX || h->size < sizeof(*h))
        ksnprintf(why, ROM_WHY_MAX, "its size is %u bytes, and it may be %u to %u", h->size,
                  (u32)sizeof(*h), ROM_SIZE_MAX);
    else if (h->size > there || !phys_window_get(w, rom->pa, there))
        ksnprintf(why, ROM_WHY_MAX, "truncated: %u bytes of %u are there", there, h->size);
    else if (!sum_is_zero(rom->bytes, there))
        ksnprintf(why, ROM_WHY_MAX, "damaged: its bytes do not add up to 0");
    else if (!fits(h->calls, (u64)h->nr_calls * sizeof(struct rom_call), h->size))
        ksnprintf(why, ROM_WHY_MAX, "its table of calls is outside of it: %u calls at %#x",
                  h->nr_calls, h->calls);
    else if (!fits(h->code, h->code_size, h->size))
        ksnprintf(why, ROM_WHY_MAX, "its code is outside of it: %u bytes at %#x", h->code_size,
                  h->code);
    else if (!name_is_text(h))
        ksnprintf(why, ROM_WHY_MAX, "its name is not text that ends in a zero byte");
    else
        return true;
    return false;
}

static bool is_in_code(const struct rom_header *h, u32 target)
{
    return target >= h->code && target - h->code < h->code_size;
}

/* Return whether call i can be used, or is one that this kernel ignores. */
static bool check_call(const struct rom_image *rom, u32 i, char *why)
{
    const struct rom_call call = rom_get_call(rom, i);
    const struct rom_known_call *const known = rom_known_call(call.number);

    if (call.kind != ROM_CALL_TO && call.kind != ROM_NOTHING)
        ksnprintf(why, ROM_WHY_MAX, "call %u has the unknown kind %u", call.number, call.kind);
    else if (call.kind == ROM_CALL_TO && !is_in_code(&rom->header, call.target))
        ksnprintf(why, ROM_WHY_MAX, "call %u leads to %#x, which is outside of its code",
                  call.number, call.target);
    else if (call.kind == ROM_NOTHING && known && known->returns_value)
        ksnprintf(why, ROM_WHY_MAX, "call %u returns a value, and cannot do nothing", call.number);
    else
        return true;
    return false;
}

static bool is_listed_before(const struct rom_image *rom, u32 i)
{
    for (u32 before = 0; before < i; before++)
        if (rom_get_call(rom, before).number == rom_get_call(rom, i).number)
            return true;
    return false;
}

bool rom_check(const struct phys_window *w, const struct rom_image *rom, char *why)
{
    if (!check_header(w, rom, why))
        return false;
    if (!is_in_code(&rom->header, rom->header.init)) {
        ksnprintf(why, ROM_WHY_MAX, "its init is at %#x, which is outside of its code",
                  rom->header.init);
        return false;
    }
    for (u32 i = 0; i < rom->header.nr_calls; i++) {
        if (!check_call(rom, i, why))
            return false;
        if (is_listed_before(rom, i)) {
            ksnprintf(why, ROM_WHY_MAX, "call %u is listed twice", rom_get_call(rom, i).number);
            return false;
        }
    }
    return true;
}
