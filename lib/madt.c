/* SPDX-License-Identifier: MIT */
/* The parser of the MADT (lib/madt.h). */
#include "lib/madt.h"
#include "lib/string.h"

enum {
    MADT_FLAGS = 40,
    MADT_ENTRIES = 44,
    MADT_PCAT_COMPAT = 1,

    ENTRY_LOCAL_APIC = 0,
    LOCAL_APIC_SIZE = 8,
    LOCAL_APIC_ID = 3,
    LOCAL_APIC_FLAGS = 4,

    ENTRY_X2APIC = 9,
    X2APIC_SIZE = 16,
    X2APIC_ID = 4,
    X2APIC_FLAGS = 8,

    CPU_ENABLED = 1,

    ENTRY_IOAPIC = 1,
    IOAPIC_SIZE = 12,
    IOAPIC_ADDRESS = 4,
    IOAPIC_GSI_BASE = 8,

    ENTRY_OVERRIDE = 2,
    OVERRIDE_SIZE = 10,
    OVERRIDE_SOURCE = 3,
    OVERRIDE_GSI = 4,
    OVERRIDE_FLAGS = 8,
    POLARITY_MASK = 3,
    POLARITY_LOW = 3,
    TRIGGER_MASK = 0xc,
    TRIGGER_LEVEL = 0xc,
};

/* Add a CPU that is enabled. The broadcast id addresses all CPUs, so it is not a CPU's. */
static void parse_cpu(u32 apic_id, u32 broadcast, u32 flags, struct apic_config *config)
{
    if (flags & CPU_ENABLED && apic_id != broadcast)
        apic_config_add_cpu(config, apic_id);
}

static void parse_override(const u8 *entry, struct apic_config *config)
{
    if (entry[OVERRIDE_SOURCE] < NR_ISA_IRQS)
        config->isa[entry[OVERRIDE_SOURCE]] = (struct apic_isa_irq){
            .gsi = load32(entry + OVERRIDE_GSI),
            .active_low = (entry[OVERRIDE_FLAGS] & POLARITY_MASK) == POLARITY_LOW,
            .level = (entry[OVERRIDE_FLAGS] & TRIGGER_MASK) == TRIGGER_LEVEL,
        };
}

bool madt_parse(const struct acpi_header *table, struct apic_config *config)
{
    const u8 *bytes = (const u8 *)table;

    apic_config_init(config);
    if (!table || table->length < MADT_ENTRIES)
        return false;
    config->has_8259 = load32(bytes + MADT_FLAGS) & MADT_PCAT_COMPAT;
    for (u32 at = MADT_ENTRIES; table->length - at >= 2; at += bytes[at + 1]) {
        const u8 *entry = bytes + at;

        if (entry[1] < 2 || entry[1] > table->length - at)
            break;
        if (entry[0] == ENTRY_LOCAL_APIC && entry[1] >= LOCAL_APIC_SIZE)
            parse_cpu(entry[LOCAL_APIC_ID], 0xff, load32(entry + LOCAL_APIC_FLAGS), config);
        if (entry[0] == ENTRY_X2APIC && entry[1] >= X2APIC_SIZE)
            parse_cpu(load32(entry + X2APIC_ID), ~0u, load32(entry + X2APIC_FLAGS), config);
        if (entry[0] == ENTRY_IOAPIC && entry[1] >= IOAPIC_SIZE)
            apic_config_add_ioapic(config, load32(entry + IOAPIC_ADDRESS),
                                   load32(entry + IOAPIC_GSI_BASE));
        if (entry[0] == ENTRY_OVERRIDE && entry[1] >= OVERRIDE_SIZE)
            parse_override(entry, config);
    }
    return true;
}
