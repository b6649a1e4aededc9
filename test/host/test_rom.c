/* SPDX-License-Identifier: MIT */
/*
 * pv/rom/loader.c: a good op ROM is found and accepted; each way in which one can be wrong is
 * named.
 */
#include "harness.h"

#include "rom_image.h"

static char why[ROM_WHY_MAX];

/* Return why the ROM in memory is refused; "" if it is accepted, "none" if it is not found. */
static const char *verdict(void)
{
    struct rom_image rom;

    memset(why, 0, sizeof(why));
    if (!rom_find(&rom_window, &rom))
        return "none";
    CHECK_EQ(rom.pa, ROM_PA);
    return rom_check(&rom_window, &rom, why) == !*why ? why : "contradiction";
}

static const char *verdict_of(const struct rom_header *h)
{
    rom_store(h);
    return verdict();
}

/* Replace call i of the ROM, and return the verdict. */
static const char *verdict_of_call(u32 i, u16 number, u16 kind, u32 target)
{
    const struct rom_header h = rom_build();
    const struct rom_call call = {number, kind, target};

    memcpy(rom_memory + ROM_PA + ROM_CALLS + i * sizeof(call), &call, sizeof(call));
    return verdict_of(&h);
}

static void a_good_rom_is_accepted(void)
{
    struct rom_header h = rom_build();
    struct rom_image rom;

    CHECK_STR(verdict(), "");
    CHECK(rom_find(&rom_window, &rom));
    CHECK(rom.bytes == rom_memory + ROM_PA);
    CHECK_EQ(rom_get_call(&rom, 1).number, 35);
    CHECK_EQ(rom_get_call(&rom, 2).target, ROM_CODE + 0x1ff);
    h.minor = 7; /* it may have more calls, which are ignored */
    CHECK_STR(verdict_of(&h), "");
    h.nr_calls = 0;
    CHECK_STR(verdict_of(&h), "");
}

static void other_option_roms_are_passed_over(void)
{
    struct rom_header h = rom_build();

    rom_memory[0xc0000] = 0x55;
    rom_memory[0xc0001] = 0xaa;
    CHECK_STR(verdict(), "");
    h.magic[0] = 'Q';
    CHECK_STR(verdict_of(&h), "none");
    h = rom_build();
    h.option_rom[0] = 0x54;
    CHECK_STR(verdict_of(&h), "none");
}

static void the_magic_and_the_version_are_compared(void)
{
    struct rom_header h = rom_build();

    h.magic[7] = 'N';
    CHECK_STR(verdict_of(&h), "bad magic after \"PVOP\": not an op ROM");
    h = rom_build();
    h.major = 1;
    CHECK_STR(verdict_of(&h), "it is of version 1.0, and this kernel takes 2.x");
    h.major = 3;
    h.minor = 4;
    CHECK_STR(verdict_of(&h), "it is of version 3.4, and this kernel takes 2.x");
}

static void a_truncated_rom_is_refused(void)
{
    struct rom_header h = rom_build();

    h.option_rom[2] = 1;
    CHECK_STR(verdict_of(&h), "truncated: 512 bytes of 768 are there");
    h.option_rom[2] = 0;
    CHECK_STR(verdict_of(&h), "truncated: 0 bytes of 768 are there");
    h.size = 71;
    CHECK_STR(verdict_of(&h), "its size is 71 bytes, and it may be 72 to 8192");
    h.size = 8193;
    CHECK_STR(verdict_of(&h), "its size is 8193 bytes, and it may be 72 to 8192");
}

static void a_damaged_rom_is_refused(void)
{
    rom_build();
    rom_memory[ROM_PA + ROM_CODE]++;
    CHECK_STR(verdict(), "damaged: its bytes do not add up to 0");
}

static void places_outside_of_the_rom_are_refused(void)
{
    struct rom_header h = rom_build();

    h.calls = ROM_IMAGE_SIZE - 23;
    CHECK_STR(verdict_of(&h), "its table of calls is outside of it: 3 calls at 0x2e9");
    h = rom_build();
    h.nr_calls = 0x20000001; /* times 8 it is 8, in 32 bits */
    CHECK_STR(verdict_of(&h), "its table of calls is outside of it: 536870913 calls at 0x50");
    h = rom_build();
    h.code = 0x101;
    CHECK_STR(verdict_of(&h), "its code is outside of it: 512 bytes at 0x101");
    h.code = 0xffffff00;
    CHECK_STR(verdict_of(&h), "its code is outside of it: 512 bytes at 0xffffff00");
    h = rom_build();
    h.init = ROM_CODE - 1;
    CHECK_STR(verdict_of(&h), "its init is at 0xff, which is outside of its code");
}

static void a_name_that_is_not_text_is_refused(void)
{
    struct rom_header h = rom_build();

    h.name[3] = '\n';
    CHECK_STR(verdict_of(&h), "its name is not text that ends in a zero byte");
    memset(h.name, 'n', sizeof(h.name));
    CHECK_STR(verdict_of(&h), "its name is not text that ends in a zero byte");
}

static void relocations_outside_of_the_code_are_refused(void)
{
    CHECK_STR(verdict_of_call(0, 1, ROM_CALL_TO, ROM_CODE + 0x200),
              "call 1 leads to 0x300, which is outside of its code");
    CHECK_STR(verdict_of_call(0, 1, ROM_CALL_TO, 0),
              "call 1 leads to 0, which is outside of its code");
    CHECK_STR(verdict_of_call(2, 999, ROM_CALL_TO, 0xffffffff),
              "call 999 leads to 0xffffffff, which is outside of its code");
}

static void calls_that_cannot_be_are_refused(void)
{
    CHECK_STR(verdict_of_call(1, 35, 3, 0), "call 35 has the unknown kind 3");
    CHECK_STR(verdict_of_call(1, 36, ROM_NOTHING, 0),
              "call 36 returns a value, and cannot do nothing");
    CHECK_STR(verdict_of_call(1, 1, ROM_CALL_TO, ROM_CODE), "call 1 is listed twice");
}

static void each_known_call_has_its_number_once(void)
{
    for (u32 i = 0; i < rom_nr_known_calls; i++) {
        CHECK(rom_known_call(rom_known_calls[i].number) == &rom_known_calls[i]);
        for (u32 j = 0; j < i; j++)
            CHECK(rom_known_calls[i].op != rom_known_calls[j].op);
    }
    CHECK(!rom_known_call(0));
}

/* The area ends before the BIOS: a ROM whose blocks reach into it is there all the same. */
static void the_last_place_is_searched(void)
{
    static u8 last[ROM_IMAGE_SIZE + 512];
    struct rom_image rom;

    rom_build();
    memcpy(last, rom_memory + ROM_PA, 1024);
    memset(rom_memory + ROM_PA, 0, 1024);
    memcpy(rom_memory + 0xef800, last, 1024);
    CHECK(rom_find(&rom_window, &rom));
    CHECK_EQ(rom.pa, 0xef800);
    CHECK(rom_check(&rom_window, &rom, why));
}

int main(void)
{
    RUN(a_good_rom_is_accepted);
    RUN(other_option_roms_are_passed_over);
    RUN(the_magic_and_the_version_are_compared);
    RUN(a_truncated_rom_is_refused);
    RUN(a_damaged_rom_is_refused);
    RUN(places_outside_of_the_rom_are_refused);
    RUN(a_name_that_is_not_text_is_refused);
    RUN(relocations_outside_of_the_code_are_refused);
    RUN(calls_that_cannot_be_are_refused);
    RUN(each_known_call_has_its_number_once);
    RUN(the_last_place_is_searched);
    return finish("rom");
}
