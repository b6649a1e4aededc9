/* SPDX-License-Identifier: MIT */
/*
 * lib/madt.c: CPUs, I/O APICs and overrides of an MADT are read, and invalid entries are ignored.
 */
#include "harness.h"

#include "lib/madt.h"

static u8 table[44 + 12 + 10 + 10];
static struct apic_config info;

/* Parse a copy that ends where the table does, so that the sanitizer notices a read beyond it. */
static bool parse(u32 length)
{
    u8 *copy = malloc(MAX(length, 44));
    bool parsed;

    memcpy(copy, table, MAX(length, 44));
    memcpy(copy + 4, &length, 4);
    parsed = madt_parse((const struct acpi_header *)(const void *)copy, &info);
    free(copy);
    return parsed;
}

static void build(void)
{
    static const u8 entries[] = {
        1, 12, 0, 0, 0x00, 0x00, 0xc0, 0xfe, 24, 0, 0, 0, /* I/O APIC at 0xfec00000, GSI 24 */
        2, 10, 0, 0, 2,    0,    0,    0,    0,  0,       /* ISA 0 is GSI 2 */
        2, 10, 0, 9, 9,    0,    0,    0,    15, 0,       /* ISA 9: low, level */
    };

    memset(table, 0, sizeof(table));
    memcpy(table + 44, entries, sizeof(entries));
    table[40] = 1;
}

static void reports_all_entries(void)
{
    build();
    CHECK(parse(sizeof(table)));
    CHECK(info.has_8259);
    CHECK_EQ(info.nr_ioapics, 1);
    CHECK_EQ(info.ioapics[0].pa, 0xfec00000);
    CHECK_EQ(info.ioapics[0].gsi_base, 24);
    CHECK_EQ(info.isa[0].gsi, 2);
    CHECK_EQ(info.isa[1].gsi, 1);
    CHECK(info.isa[9].level && info.isa[9].active_low);
    table[40] = 0;
    CHECK(parse(sizeof(table)));
    CHECK(!info.has_8259);
}

static void reads_nothing_beyond_the_end(void)
{
    for (u32 length = 0; length <= sizeof(table); length++) {
        build();
        parse(length);
        CHECK(info.nr_ioapics == (length >= 56));
        CHECK_EQ(info.isa[0].gsi, length >= 66 ? 2 : 0);
    }
    build();
    table[45] = 0; /* an entry of length 0 must end the loop */
    CHECK(parse(sizeof(table)));
    CHECK_EQ(info.nr_ioapics, 0);
    table[45] = 11;
    parse(sizeof(table));
    CHECK_EQ(info.nr_ioapics, 0);
    CHECK(!madt_parse(NULL, &info));
    CHECK(info.has_8259);
    CHECK_EQ(info.isa[15].gsi, 15);
}

/* ACPI 6.4, table 5.28: of polarity and trigger mode 1 is high and edge, 3 low and level. */
static void tells_the_four_modes_of_an_interrupt_apart(void)
{
    static const u8 flags[] = {0x5, 0x7, 0xd, 0xf};

    for (u32 i = 0; i < ARRAY_SIZE(flags); i++) {
        build();
        table[44 + 12 + 8] = flags[i];
        CHECK(parse(sizeof(table)));
        CHECK_EQ(info.isa[0].active_low, i % 2);
        CHECK_EQ(info.isa[0].level, i / 2);
    }
}

static void ignores_an_isa_number_that_there_is_not(void)
{
    build();
    table[44 + 12 + 3] = 16;
    CHECK(parse(sizeof(table)));
    CHECK_EQ(info.isa[0].gsi, 0);
    CHECK_EQ(info.nr_cpus, 0); /* what follows the array */
}

/* flags: bit 0 enabled, bit 1 may be enabled later (ACPI 6.4, table 5.22). */
static void put_cpu(u8 **at, bool x2, u32 id, u32 flags)
{
    u8 *entry = *at;

    memset(entry, 0, 16);
    entry[0] = x2 ? 9 : 0;
    entry[1] = x2 ? 16 : 8;
    entry[3] = x2 ? 0 : (u8)id;
    memcpy(entry + (x2 ? 8 : 4), &flags, 4);
    if (x2)
        memcpy(entry + 4, &id, 4);
    *at += entry[1];
}

static u8 wide[44 + 16 * (APIC_CPUS_MAX + 8)];

static bool parse_wide(const u8 *end)
{
    const u32 length = (u32)(end - wide);

    memcpy(wide + 4, &length, 4);
    return madt_parse((const struct acpi_header *)(const void *)wide, &info);
}

static void lists_cpus_in_order(void)
{
    static const u32 expected[] = {4, 0, 7, 300, 0x10000};
    u8 *at = wide + 44;

    put_cpu(&at, false, 4, 1);
    put_cpu(&at, false, 0, 1);
    put_cpu(&at, false, 1, 0); /* disabled */
    put_cpu(&at, false, 2, 2); /* may be plugged in later */
    put_cpu(&at, false, 7, 3);
    put_cpu(&at, true, 7, 1); /* listed as local APIC and as x2APIC */
    put_cpu(&at, true, 300, 1);
    put_cpu(&at, true, 301, 0);
    put_cpu(&at, true, 0x10000, 1);
    put_cpu(&at, false, 4, 1); /* listed twice */
    put_cpu(&at, false, 0xff, 1);
    put_cpu(&at, true, ~0u, 1);
    CHECK(parse_wide(at));
    CHECK_EQ(info.nr_cpus, sizeof(expected) / sizeof(expected[0]));
    for (u32 i = 0; i < info.nr_cpus; i++)
        CHECK_EQ(info.apic_ids[i], expected[i]);
}

static void believes_no_cpu_that_is_cut_off(void)
{
    u8 *at = wide + 44;

    put_cpu(&at, false, 1, 1);
    put_cpu(&at, true, 2, 1);
    for (u32 cut = 1; cut <= 16; cut++) {
        CHECK(parse_wide(at - cut));
        CHECK_EQ(info.nr_cpus, 1);
    }
    CHECK(parse_wide(at - 17));
    CHECK_EQ(info.nr_cpus, 0);
    wide[45] = 7; /* too short for its type; the next one is still found */
    memmove(wide + 44 + 7, wide + 44 + 8, 16);
    CHECK(parse_wide(at - 1));
    CHECK_EQ(info.nr_cpus, 1);
    CHECK_EQ(info.apic_ids[0], 2);
}

static void keeps_as_many_as_there_is_room_for(void)
{
    u8 *at = wide + 44;

    for (u32 id = 0; id < APIC_CPUS_MAX + 8; id++)
        put_cpu(&at, true, 2 * id, 1);
    CHECK(parse_wide(at));
    CHECK_EQ(info.nr_cpus, APIC_CPUS_MAX);
    CHECK_EQ(info.apic_ids[APIC_CPUS_MAX - 1], 2 * (APIC_CPUS_MAX - 1));
    CHECK_EQ(info.cpus_left_out, 8);
}

static void put_ioapic(u8 **at, u32 pa, u32 gsi_base)
{
    u8 *entry = *at;

    memset(entry, 0, 12);
    entry[0] = 1;
    entry[1] = 12;
    memcpy(entry + 4, &pa, 4);
    memcpy(entry + 8, &gsi_base, 4);
    *at += 12;
}

static void refuses_io_apics_that_cannot_be(void)
{
    u8 *at = wide + 44;

    put_ioapic(&at, 0, 0);                   /* no address */
    put_ioapic(&at, 0xfec00004, 0);          /* not aligned */
    put_ioapic(&at, 0xfec00000, 0xfffffff0); /* its GSIs would wrap */
    put_ioapic(&at, 0xfec01010, 48);         /* need not begin a page */
    CHECK(parse_wide(at));
    CHECK_EQ(info.nr_ioapics, 1);
    CHECK_EQ(info.ioapics[0].pa, 0xfec01010);
    CHECK_EQ(info.ioapics[0].gsi_base, 48);
    for (u32 i = 0; i < APIC_IOAPICS_MAX + 2; i++)
        put_ioapic(&at, 0xfec02000 + i * 0x1000, i * 24);
    CHECK(parse_wide(at));
    CHECK_EQ(info.nr_ioapics, APIC_IOAPICS_MAX);
    CHECK_EQ(info.ioapics_left_out, 3);
}

int main(void)
{
    RUN(reports_all_entries);
    RUN(reads_nothing_beyond_the_end);
    RUN(tells_the_four_modes_of_an_interrupt_apart);
    RUN(ignores_an_isa_number_that_there_is_not);
    RUN(lists_cpus_in_order);
    RUN(believes_no_cpu_that_is_cut_off);
    RUN(keeps_as_many_as_there_is_room_for);
    RUN(refuses_io_apics_that_cannot_be);
    return finish("madt");
}
