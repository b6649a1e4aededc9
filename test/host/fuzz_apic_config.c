/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as the entries of an MADT and of an MP table. Lengths and checksums are
 * corrected first, because otherwise they would reject almost all inputs.
 */
#include "fuzz.h"

#include "lib/madt.h"
#include "mptable_image.h"

#define MADT_HEAD 44

static void require_config(const struct apic_config *config)
{
    REQUIRE(config->nr_cpus <= APIC_CPUS_MAX);
    REQUIRE(config->nr_ioapics <= APIC_IOAPICS_MAX);
    for (u32 i = 0; i < config->nr_cpus; i++)
        for (u32 j = 0; j < i; j++)
            REQUIRE(config->apic_ids[i] != config->apic_ids[j]);
    for (u32 i = 0; i < config->nr_ioapics; i++) {
        REQUIRE(config->ioapics[i].pa && config->ioapics[i].pa % 16 == 0);
        REQUIRE(config->ioapics[i].gsi_base < GSI_NONE - 255);
    }
}

static void fuzz_madt(const u8 *data, size_t size)
{
    const u32 length = (u32)(MADT_HEAD + size);
    u8 *table = calloc(
        1, length); /* of exactly this size, so that the sanitizer detects reads after its end */
    struct apic_config config;

    memcpy(table + 4, &length, 4);
    memcpy(table + MADT_HEAD, data, size);
    REQUIRE(madt_parse((const struct acpi_header *)(const void *)table, &config));
    require_config(&config);
    free(table);
}

/* The table is at the end of the window, so that the sanitizer detects reads after it. */
static void fuzz_mptable(const u8 *data, size_t size)
{
    const u32 length = (u32)(44 + size), at = MP_MEMORY - length;
    struct apic_config config;

    memset(mp_memory + 0xf0000, 0, 0x10000);
    memcpy(mp_memory + at, "PCMP", 4);
    mp_memory[at + 4] = (u8)length;
    mp_memory[at + 5] = (u8)(length >> 8);
    memcpy(mp_memory + at + 44, data, size);
    mp_checksum(mp_memory + at, length, 7);
    mp_put_pointer(0xf0000, at, 0, size ? data[0] : 0);
    REQUIRE(mptable_parse(&mp_window, &config));
    require_config(&config);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    fuzz_madt(data, size);
    fuzz_mptable(data, size < 0x8000 ? size : 0x8000);
    return 0;
}
