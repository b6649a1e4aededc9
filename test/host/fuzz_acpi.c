/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as ACPI tables. Checksums are corrected first, because otherwise they would
 * reject almost all inputs; the tables are at the addresses of the good image.
 */
#include "fuzz.h"

#include "acpi_image.h"

static void mend(u8 *table, size_t size, size_t room)
{
    acpi_store(table + 4, size < room ? size : room, 4);
    acpi_checksum(table, size < room ? size : room, 9);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct acpi_image *m = malloc(sizeof(*m));
    const struct phys_window w = {(const u8 *)m, ACPI_PA, sizeof(*m)};
    struct acpi_soft_off off;

    acpi_build(m);
    for (size_t i = 0; i + 2 < size; i += 3) /* an offset and a byte to write there */
        ((u8 *)m)[(data[i] | data[i + 1] << 8) % sizeof(*m)] = data[i + 2];
    acpi_checksum(m->rsdp, 20, 8);
    acpi_checksum(m->rsdp, 36, 32);
    mend(m->xsdt, sizeof(m->xsdt), sizeof(m->xsdt));
    mend(m->fadt, sizeof(m->fadt), sizeof(m->fadt));
    mend(m->dsdt, sizeof(m->dsdt), sizeof(m->dsdt));
    off = acpi_find_soft_off(&w, &(struct boot_info){.rsdp_pa = ACPI_PA_OF(rsdp)});
    REQUIRE(!off.sleep_control_pa || off.sleep_control_pa - ACPI_PA < sizeof(*m));
    REQUIRE(!off.pm1a_port || off.pm1a_value >> 13 == 1);
    free(m);
    return 0;
}
