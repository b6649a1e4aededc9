/* SPDX-License-Identifier: MIT */
/*
 * lib/acpi.c: finding tables and the registers that turn the machine off; invalid tables are
 * ignored.
 */
#include "harness.h"

#include "acpi_image.h"

static struct acpi_image tables;
static const struct phys_window window = {(const u8 *)&tables, ACPI_PA, sizeof(tables)};

static const struct boot_info by_address = {.rsdp_pa = ACPI_PA_OF(rsdp)};

static struct acpi_soft_off soft_off(void)
{
    return acpi_find_soft_off(&window, &by_address);
}

static const void *find(const char *signature)
{
    return acpi_find_table(&window, &by_address, signature);
}

/* Find a table through a loader's copy of the RSDP, of size bytes. */
static const void *find_by_copy(u32 size, const char *signature)
{
    struct boot_info info = {.rsdp_size = size};

    memcpy(info.rsdp, tables.rsdp, size);
    return acpi_find_table(&window, &info, signature);
}

static void refresh_fadt(void)
{
    acpi_checksum(tables.fadt, sizeof(tables.fadt), 9);
}

static void finds_tables(void)
{
    acpi_build(&tables);
    CHECK(find("FACP") == (const void *)tables.fadt);
    CHECK(!find("APIC"));
    CHECK(find_by_copy(36, "FACP"));
    CHECK(find_by_copy(20, "DSDT")); /* the old RSDP points only to the RSDT */
    CHECK(!find_by_copy(36, "DSDT"));
    tables.rsdp[33]++; /* the checksum of all 36 bytes fails: only the part of the old RSDP is valid
                        */
    CHECK(find("DSDT"));
    acpi_build(&tables);
    CHECK(!acpi_find_table(&window, &(struct boot_info){0}, "FACP"));
    CHECK(!acpi_find_table(&window, &(struct boot_info){.rsdp_pa = ACPI_PA + sizeof(tables)},
                           "FACP"));
}

static void refuses_what_is_broken(void)
{
    acpi_build(&tables);
    tables.rsdp[0] = 'X';
    CHECK(!find("FACP"));
    acpi_build(&tables);
    tables.rsdp[9]++; /* the first checksum */
    CHECK(!find("FACP"));
    acpi_build(&tables);
    tables.fadt[100]++;
    CHECK(!find("FACP"));
    acpi_build(&tables);
    acpi_store(tables.fadt + 4, sizeof(tables), 4); /* longer than memory */
    refresh_fadt();
    CHECK(!find("FACP"));
    acpi_build(&tables);
    acpi_store(tables.xsdt + 4, 8, 4); /* shorter than a header */
    tables.rsdt[9]++;
    CHECK(!find("FACP"));
}

/* A table whose length is less than its header, with a checksum that is right for that length. */
static void refuses_a_table_shorter_than_its_header(void)
{
    acpi_build(&tables);
    acpi_store(tables.fadt + 4, 10, 4);
    acpi_checksum(tables.fadt, 10, 9);
    CHECK(!find("FACP"));
}

/* If the XSDT is invalid or contains only invalid addresses, the RSDT is used. */
static void falls_back_to_the_rsdt(void)
{
    acpi_build(&tables);
    tables.xsdt[9]++;
    CHECK(find("DSDT"));
    acpi_build(&tables);
    acpi_store(tables.xsdt + 4, 8, 4); /* shorter than a header */
    CHECK(find("DSDT"));
    acpi_build(&tables);
    acpi_store(tables.rsdp + 24, 0, 8);
    acpi_checksum(tables.rsdp, 36, 32);
    CHECK(find("DSDT"));
    acpi_build(&tables);
    acpi_table(tables.xsdt, "XSDT", 36); /* empty */
    CHECK(find("DSDT"));
    acpi_build(&tables);
    memcpy(tables.xsdt + 36, tables.rsdt + 36, 8); /* addresses of 4 bytes */
    acpi_table(tables.xsdt, "XSDT", 36 + 8);
    CHECK(find("DSDT"));
}

static void reads_soft_off(void)
{
    acpi_build(&tables);
    CHECK_EQ(soft_off().pm1a_port, 0x604);
    CHECK_EQ(soft_off().pm1a_value, 1 << 13 | 5 << 10);
    CHECK_EQ(soft_off().pm1b_port, 0x704);
    CHECK_EQ(soft_off().pm1b_value, 1 << 13 | 6 << 10);
    CHECK_EQ(soft_off().sleep_control_pa, 0);

    acpi_store(tables.fadt + 140, ACPI_PA_OF(dsdt), 8); /* X_DSDT takes precedence over DSDT */
    acpi_store(tables.fadt + 40, 0, 4);
    refresh_fadt();
    CHECK_EQ(soft_off().pm1a_port, 0x604);
}

static void reads_soft_off_of_reduced_hardware(void)
{
    acpi_build(&tables);
    acpi_store(tables.fadt + 112, 1 << 20, 4);
    acpi_store(tables.fadt + 244 + 4, ACPI_PA + 3, 8);
    refresh_fadt();
    CHECK_EQ(soft_off().sleep_control_pa, ACPI_PA + 3);
    CHECK_EQ(soft_off().sleep_control_value, 1 << 5 | 5 << 2);
    CHECK_EQ(soft_off().pm1a_port, 0);
    acpi_store(tables.fadt + 244 + 4, ACPI_PA + sizeof(tables), 8); /* not writable memory */
    refresh_fadt();
    CHECK_EQ(soft_off().sleep_control_pa, 0);
    acpi_store(tables.fadt + 244 + 4, ACPI_PA, 8);
    tables.fadt[244] = 1; /* a port, not memory */
    refresh_fadt();
    CHECK_EQ(soft_off().sleep_control_pa, 0);
}

/* A package of one number: PM1b's sleep type is PM1a's. */
static void reads_a_package_of_one_sleep_type(void)
{
    static const u8 s5[] = {'_', 'S', '5', '_', 0x12, 0x04, 0x01, 0x0a, 0x05, 0xff, 0xff, 0xff};

    acpi_build(&tables);
    memcpy(tables.dsdt + 41, s5, sizeof(s5));
    acpi_table(tables.dsdt, "DSDT", sizeof(tables.dsdt));
    CHECK_EQ(soft_off().pm1a_value, 1 << 13 | 5 << 10);
    CHECK_EQ(soft_off().pm1b_value, 1 << 13 | 5 << 10);
}

/* Bits 7 and 6 of the first byte of a package's length count the bytes that follow it. */
static void reads_a_package_with_a_length_of_two_bytes(void)
{
    static const u8 s5[] = {'_', 'S', '5', '_', 0x12, 0x47, 0x00, 0x02, 0x0a, 0x05, 0x0a, 0x06};

    acpi_build(&tables);
    memcpy(tables.dsdt + 41, s5, sizeof(s5));
    acpi_table(tables.dsdt, "DSDT", sizeof(tables.dsdt));
    CHECK_EQ(soft_off().pm1a_value, 1 << 13 | 5 << 10);
    CHECK_EQ(soft_off().pm1b_value, 1 << 13 | 6 << 10);
}

/* The FADT of ACPI 1.0 ends before X_DSDT; what follows it in memory is not an address. */
static void reads_a_short_fadt(void)
{
    acpi_build(&tables);
    acpi_store(tables.fadt + 140, ACPI_PA_OF(rsdt), 8);
    acpi_table(tables.fadt, "FACP", 116);
    CHECK_EQ(soft_off().pm1a_port, 0x604);
}

static void survives_a_dsdt_without_s5(void)
{
    acpi_build(&tables);
    tables.dsdt[49] = 8; /* a sleep type has three bits */
    acpi_table(tables.dsdt, "DSDT", sizeof(tables.dsdt));
    CHECK_EQ(soft_off().pm1a_port, 0);
    acpi_build(&tables);
    memset(tables.dsdt + 36, '_', sizeof(tables.dsdt) - 36);
    acpi_table(tables.dsdt, "DSDT", sizeof(tables.dsdt));
    CHECK_EQ(soft_off().pm1a_port, 0);
    memcpy(tables.dsdt + sizeof(tables.dsdt) - 9, "\x08_S5_\x12\xc8\x04\x0a",
           9); /* truncated at the last byte */
    acpi_table(tables.dsdt, "DSDT", sizeof(tables.dsdt));
    CHECK_EQ(soft_off().pm1a_port, 0);
}

int main(void)
{
    RUN(finds_tables);
    RUN(refuses_what_is_broken);
    RUN(refuses_a_table_shorter_than_its_header);
    RUN(falls_back_to_the_rsdt);
    RUN(reads_soft_off);
    RUN(reads_soft_off_of_reduced_hardware);
    RUN(reads_a_package_of_one_sleep_type);
    RUN(reads_a_package_with_a_length_of_two_bytes);
    RUN(reads_a_short_fadt);
    RUN(survives_a_dsdt_without_s5);
    return finish("acpi");
}
