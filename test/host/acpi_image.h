/* SPDX-License-Identifier: MIT */
/* A small set of ACPI tables in a buffer that represents the physical memory from ACPI_PA on. */
#ifndef TEST_HOST_ACPI_IMAGE_H
#define TEST_HOST_ACPI_IMAGE_H

#include "lib/acpi.h"

#define ACPI_PA 0x100000ull

struct acpi_image {
    u8 rsdp[36];
    u8 xsdt[36 + 2 * 8];
    u8 rsdt[36 + 2 * 4];
    u8 fadt[268];
    u8 dsdt[36 + 32];
};

#define ACPI_PA_OF(field) (ACPI_PA + offsetof(struct acpi_image, field))

static void acpi_checksum(u8 *table, size_t size, size_t at)
{
    u8 sum = 0;

    table[at] = 0;
    for (size_t i = 0; i < size; i++)
        sum = (u8)(sum + table[i]);
    table[at] = (u8)-sum;
}

static void acpi_store(u8 *at, u64 value, size_t width)
{
    memcpy(at, &value, width);
}

static void acpi_table(u8 *table, const char *signature, size_t size)
{
    memcpy(table, signature, 4);
    acpi_store(table + 4, size, 4);
    acpi_checksum(table, size, 9);
}

/* AML's Name(_S5_, Package() {5, 5, 0, 0}), as firmware writes it, after another object. */
static void acpi_build(struct acpi_image *m)
{
    static const u8 s5[] = {0x08, '_',  'S',  '5',  '_',  0x12, 0x08,
                            0x04, 0x0a, 0x05, 0x0a, 0x06, 0x00, 0x00};

    memset(m, 0, sizeof(*m));
    memcpy(m->rsdp, "RSD PTR ", 8);
    m->rsdp[15] = 2;
    acpi_store(m->rsdp + 16, ACPI_PA_OF(rsdt), 4);
    acpi_store(m->rsdp + 20, 36, 4);
    acpi_store(m->rsdp + 24, ACPI_PA_OF(xsdt), 8);
    acpi_checksum(m->rsdp, 20, 8);
    acpi_checksum(m->rsdp, 36, 32);

    acpi_store(m->xsdt + 36, 0x1234, 8); /* an address without a table, to be skipped */
    acpi_store(m->xsdt + 44, ACPI_PA_OF(fadt), 8);
    acpi_table(m->xsdt, "XSDT", sizeof(m->xsdt));
    acpi_store(m->rsdt + 36, ACPI_PA_OF(fadt), 4);
    acpi_store(m->rsdt + 40, ACPI_PA_OF(dsdt), 4);
    acpi_table(m->rsdt, "RSDT", sizeof(m->rsdt));

    acpi_store(m->fadt + 40, ACPI_PA_OF(dsdt), 4);
    acpi_store(m->fadt + 64, 0x604, 4);
    acpi_store(m->fadt + 68, 0x704, 4);
    acpi_table(m->fadt, "FACP", sizeof(m->fadt));
    memcpy(m->dsdt + 40, s5, sizeof(s5));
    acpi_table(m->dsdt, "DSDT", sizeof(m->dsdt));
}

#endif
