/* See lib/madt.h. */
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

/* A CPU may be listed in both ways. What would name all CPUs names none. */
static void add_cpu(u32 apic_id, u32 everybody, u32 flags, struct madt_info *info)
{
    if (!(flags & CPU_ENABLED) || apic_id == everybody || info->nr_cpus == MADT_CPUS_MAX)
        return;
    for (u32 i = 0; i < info->nr_cpus; i++)
        if (info->apic_ids[i] == apic_id)
            return;
    info->apic_ids[info->nr_cpus++] = apic_id;
}

static void parse_ioapic(const u8 *entry, struct madt_info *info)
{
    if (info->nr_ioapics < MADT_IOAPICS_MAX)
        info->ioapics[info->nr_ioapics++] = (struct madt_ioapic){
            .pa = load32(entry + IOAPIC_ADDRESS),
            .gsi_base = load32(entry + IOAPIC_GSI_BASE),
        };
}

static void parse_override(const u8 *entry, struct madt_info *info)
{
    if (entry[OVERRIDE_SOURCE] < NR_ISA_IRQS)
        info->isa[entry[OVERRIDE_SOURCE]] = (struct madt_isa_irq){
            .gsi = load32(entry + OVERRIDE_GSI),
            .active_low = (entry[OVERRIDE_FLAGS] & POLARITY_MASK) == POLARITY_LOW,
            .level = (entry[OVERRIDE_FLAGS] & TRIGGER_MASK) == TRIGGER_LEVEL,
        };
}

bool madt_parse(const struct acpi_header *table, struct madt_info *info)
{
    const u8 *bytes = (const u8 *)table;

    memset(info, 0, sizeof(*info));
    info->has_8259 = true;
    for (u32 irq = 0; irq < NR_ISA_IRQS; irq++)
        info->isa[irq].gsi = irq;
    if (!table || table->length < MADT_ENTRIES)
        return false;
    info->has_8259 = load32(bytes + MADT_FLAGS) & MADT_PCAT_COMPAT;
    for (u32 at = MADT_ENTRIES; table->length - at >= 2; at += bytes[at + 1]) {
        const u8 *entry = bytes + at;

        if (entry[1] < 2 || entry[1] > table->length - at)
            break;
        if (entry[0] == ENTRY_LOCAL_APIC && entry[1] >= LOCAL_APIC_SIZE)
            add_cpu(entry[LOCAL_APIC_ID], 0xff, load32(entry + LOCAL_APIC_FLAGS), info);
        if (entry[0] == ENTRY_X2APIC && entry[1] >= X2APIC_SIZE)
            add_cpu(load32(entry + X2APIC_ID), ~0u, load32(entry + X2APIC_FLAGS), info);
        if (entry[0] == ENTRY_IOAPIC && entry[1] >= IOAPIC_SIZE)
            parse_ioapic(entry, info);
        if (entry[0] == ENTRY_OVERRIDE && entry[1] >= OVERRIDE_SIZE)
            parse_override(entry, info);
    }
    return true;
}
