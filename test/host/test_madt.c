/* test/host/test_madt.c: what an MADT tells, and that a wrong one tells nothing else. */
#include "harness.h"

#include "lib/madt.h"

static u8 table[44 + 12 + 10 + 10];
static struct madt_info info;

static bool parse(u32 length)
{
    memcpy(table + 4, &length, 4);
    return madt_parse((const struct acpi_header *)(const void *)table, &info);
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

static void tells_what_is_there(void)
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

static void reads_nothing_behind_the_end(void)
{
    for (u32 length = 0; length <= sizeof(table); length++) {
        build();
        parse(length);
        CHECK(info.nr_ioapics == (length >= 56));
        CHECK_EQ(info.isa[0].gsi, length >= 66 ? 2 : 0);
    }
    build();
    table[45] = 0; /* an entry without a length would be read for ever */
    CHECK(parse(sizeof(table)));
    CHECK_EQ(info.nr_ioapics, 0);
    table[45] = 11;
    parse(sizeof(table));
    CHECK_EQ(info.nr_ioapics, 0);
    CHECK(!madt_parse(NULL, &info));
    CHECK_EQ(info.isa[15].gsi, 15);
}

static void ignores_an_isa_number_that_there_is_not(void)
{
    build();
    table[44 + 12 + 3] = 16;
    CHECK(parse(sizeof(table)));
    CHECK_EQ(info.isa[0].gsi, 0);
}

int main(void)
{
    RUN(tells_what_is_there);
    RUN(reads_nothing_behind_the_end);
    RUN(ignores_an_isa_number_that_there_is_not);
    return finish("madt");
}
