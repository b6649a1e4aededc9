/* SPDX-License-Identifier: MIT */
/*
 * lib/mptable.c: the entries of an MP table, the places in which it is searched, and invalid
 * tables, which are ignored.
 */
#include "harness.h"

#include "mptable_image.h"

static struct apic_config config;

static bool parse(void)
{
    return mptable_parse(&mp_window, &config);
}

static void reads_an_intact_table(void)
{
    mp_build();
    CHECK(parse());
    CHECK_EQ(config.nr_cpus, 2);
    CHECK_EQ(config.apic_ids[0], 0);
    CHECK_EQ(config.apic_ids[1], 4);
    CHECK_EQ(config.nr_ioapics, 2);
    CHECK_EQ(config.ioapics[0].pa, 0xfec00000);
    CHECK_EQ(config.ioapics[1].pa, 0xfec01000);
    CHECK_EQ(config.ioapics[1].gsi_base, MPTABLE_GSI_STEP);
    CHECK_EQ(config.isa[0].gsi, 2);
    CHECK_EQ(config.isa[4].gsi, 4);
    CHECK(!config.isa[4].level && !config.isa[4].active_low);
    CHECK_EQ(config.isa[9].gsi, MPTABLE_GSI_STEP + 3);
    CHECK(config.isa[9].level && config.isa[9].active_low);
    CHECK_EQ(config.isa[8].gsi, GSI_NONE);
    CHECK(config.has_8259 && config.has_imcr);
}

/* In the order of the search; the previous table is destroyed each time. */
static void finds_it_in_each_place(void)
{
    static const u32 places[] = {0x9f000, 0x7fc10, 0x9fff0, 0xf0000, 0xffff0};

    for (u32 i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        mp_build();
        memset(mp_memory + MP_POINTER, 0, 16);
        CHECK(!parse());
        mp_memory[0x40e] = 0x00; /* the EBDA is at 0x9f000 */
        mp_memory[0x40f] = 0x9f;
        mp_memory[0x413] = 0x00; /* base memory ends at 512 KiB */
        mp_memory[0x414] = 0x02;
        mp_put_pointer(places[i], MP_TABLE, 0, 0);
        CHECK(parse());
        CHECK_EQ(config.nr_cpus, 2);
        CHECK(!config.has_imcr);
    }
}

static void believes_nothing_damaged(void)
{
    mp_build();
    for (u32 i = 0; i < 16; i++) {
        mp_memory[MP_POINTER + i] ^= 1;
        CHECK(!parse());
        mp_memory[MP_POINTER + i] ^= 1;
    }
    for (u32 at = MP_TABLE; at < mp_end; at++) {
        mp_memory[at] ^= 0x40;
        CHECK(!parse());
        CHECK_EQ(config.nr_cpus, 0);
        CHECK_EQ(config.isa[8].gsi, 8);
        mp_memory[at] ^= 0x40;
    }
    CHECK(parse());
    mp_put_pointer(MP_POINTER, 0, 0, 0);
    CHECK(!parse());
    mp_put_pointer(MP_POINTER, MP_MEMORY - 4, 0, 0);
    CHECK(!parse());
}

/* Truncate at every length: nothing after the end is read, and all before it is. */
static void reads_nothing_beyond_the_end(void)
{
    for (u32 size = 0; size <= 44 + 3 * 20; size++) {
        mp_build();
        mp_end = MP_TABLE + size;
        mp_finish();
        CHECK(parse() == (size >= 44));
        CHECK_EQ(config.nr_cpus, (size >= 44 + 20) + (size >= 44 + 60));
    }
    mp_build();
    mp_memory[MP_TABLE + 44 + 60] = 77; /* an entry of unknown size ends the list */
    mp_finish();
    CHECK(parse());
    CHECK_EQ(config.nr_cpus, 2);
    CHECK_EQ(config.nr_ioapics, 0);
    CHECK_EQ(config.isa[0].gsi, GSI_NONE);
}

static void ignores_what_is_not_listed(void)
{
    static const u8 bus[] = {3, 0, 0, 0, 7, 5, 8, 5}, ioapic[] = {3, 0, 0, 0, 1, 6, 77, 6};
    static const u8 irq[] = {3, 0, 0, 0, 1, 16, 8, 7}, broadcast[20] = {0, 0xff, 0x14, 1};
    static const u8 similar[] = {1, 4, 'I', 'S', 'P', ' ', ' ', ' '}; /* a bus that is not ISA */
    static const u8 its_irq[] = {3, 0, 0, 0, 4, 11, 8, 7};
    static const u8 disabled[] = {2, 10, 0x11, 0, 0, 0x20, 0xc0, 0xfe};

    mp_build();
    mp_put(bus, sizeof(bus));
    mp_put(ioapic, sizeof(ioapic));
    mp_put(irq, sizeof(irq));
    mp_put(broadcast, sizeof(broadcast));
    mp_put(disabled, sizeof(disabled));
    mp_put(similar, sizeof(similar));
    mp_put(its_irq, sizeof(its_irq));
    mp_finish();
    CHECK(parse());
    CHECK_EQ(config.nr_ioapics, 2);
    CHECK_EQ(config.isa[5].gsi, GSI_NONE);
    CHECK_EQ(config.isa[6].gsi, GSI_NONE);
    CHECK_EQ(config.isa[11].gsi, GSI_NONE);
    CHECK_EQ(config.isa[0].gsi, 2);
    CHECK_EQ(config.nr_cpus, 2);
}

static void knows_the_default_configurations(void)
{
    for (u32 number = 1; number <= 8; number++) {
        mp_build();
        mp_put_pointer(MP_POINTER, 0, (u8)number, 0);
        CHECK(parse() == (number <= 7));
        if (number > 7)
            continue;
        CHECK_EQ(config.nr_cpus, 2);
        CHECK_EQ(config.nr_ioapics, 1);
        CHECK_EQ(config.isa[0].gsi, number == 2 ? GSI_NONE : 2);
        CHECK_EQ(config.isa[13].gsi, number == 2 ? GSI_NONE : 13);
        CHECK_EQ(config.isa[8].gsi, 8);
    }
}

int main(void)
{
    RUN(reads_an_intact_table);
    RUN(finds_it_in_each_place);
    RUN(believes_nothing_damaged);
    RUN(reads_nothing_beyond_the_end);
    RUN(ignores_what_is_not_listed);
    RUN(knows_the_default_configurations);
    return finish("mptable");
}
