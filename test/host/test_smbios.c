/* SPDX-License-Identifier: MIT */
/* lib/smbios.c: the machine's serial number is found; a damaged table gives none. */
#include "harness.h"

#include "smbios_image.h"

static char serial[16];

static const char *read_serial(void)
{
    memset(serial, 'x', sizeof(serial));
    smbios_serial_number(&smbios_window, serial, sizeof(serial));
    return serial;
}

static void both_entry_points_lead_to_the_serial_number(void)
{
    smbios_build(false);
    CHECK_STR(read_serial(), "VMware-56 4d");
    smbios_build(true);
    CHECK_STR(read_serial(), "VMware-56 4d");
}

static void a_long_serial_number_is_cut(void)
{
    char few[8];

    smbios_build(false);
    smbios_serial_number(&smbios_window, few, sizeof(few));
    CHECK_STR(few, "VMware-");
}

static void a_machine_without_tables_has_no_serial_number(void)
{
    smbios_build(false);
    smbios_memory[SMBIOS_ENTRY + 4]++; /* the checksum */
    CHECK_STR(read_serial(), "");
    smbios_build(true);
    smbios_memory[SMBIOS_ENTRY + 5]++;
    CHECK_STR(read_serial(), "");
    memset(smbios_memory + SMBIOS_ENTRY, 0, 16);
    CHECK_STR(read_serial(), "");
}

/* The table's address and length, and the entry's own length, may be anything. */
static void a_table_outside_of_memory_is_ignored(void)
{
    u8 *const entry = smbios_memory + SMBIOS_ENTRY;

    smbios_build(false);
    memcpy(entry + 0x18, &(u32){SMBIOS_MEMORY - 4}, 4);
    smbios_finish();
    CHECK_STR(read_serial(), "");
    smbios_build(true);
    memcpy(entry + 0x10, &(u64){~0ull}, 8);
    smbios_finish();
    CHECK_STR(read_serial(), "");
    smbios_build(true);
    memcpy(entry + 0x0c, &(u32){~0u}, 4);
    smbios_finish();
    CHECK_STR(read_serial(), "");
    smbios_build(false);
    entry[5] = 4;
    smbios_finish();
    CHECK_STR(read_serial(), "");
}

static void the_walk_ends_at_a_structure_that_cannot_be(void)
{
    const u32 system = SMBIOS_TABLE + 7;

    smbios_build(false);
    smbios_memory[SMBIOS_TABLE + 1] = 3; /* shorter than its header */
    CHECK_STR(read_serial(), "");
    smbios_build(false);
    smbios_memory[SMBIOS_TABLE] = 127; /* the end */
    CHECK_STR(read_serial(), "");
    smbios_build(false);
    smbios_memory[system + 1] = 7; /* an old structure, without a serial number */
    CHECK_STR(read_serial(), "");
    smbios_build(false);
    smbios_memory[system + 1] = 0xff; /* beyond the table */
    CHECK_STR(read_serial(), "");
}

static void a_serial_number_that_is_not_there_is_empty(void)
{
    const u32 number = SMBIOS_TABLE + 7 + 7;

    smbios_build(false);
    smbios_memory[number] = 0;
    CHECK_STR(read_serial(), "");
    smbios_build(false);
    smbios_memory[number] = 4;
    CHECK_STR(read_serial(), "");
    smbios_build(false);
    smbios_memory[number] = 2;
    CHECK_STR(read_serial(), "PC");
}

/* The table may end in the middle of its last string. */
static void a_string_ends_with_the_table(void)
{
    smbios_build(false);
    memcpy(smbios_memory + SMBIOS_ENTRY + 0x16, &(u16){7 + 9 + 8 + 6}, 2);
    smbios_finish();
    CHECK_STR(read_serial(), "VMware");
}

int main(void)
{
    RUN(both_entry_points_lead_to_the_serial_number);
    RUN(a_long_serial_number_is_cut);
    RUN(a_machine_without_tables_has_no_serial_number);
    RUN(a_table_outside_of_memory_is_ignored);
    RUN(the_walk_ends_at_a_structure_that_cannot_be);
    RUN(a_serial_number_that_is_not_there_is_empty);
    RUN(a_string_ends_with_the_table);
    return finish("smbios");
}
