/*
 * ACPI's Multiple APIC Description Table: which interrupt controllers there are, and where the ISA
 * interrupts went (ACPI specification 6.4, section 5.2.12). A pure function; nothing is believed
 * that does not lie wholly in the table.
 */
#ifndef LIB_MADT_H
#define LIB_MADT_H

#include "lib/acpi.h"

#define MADT_IOAPICS_MAX 8
#define MADT_CPUS_MAX    256
#define NR_ISA_IRQS      16

struct madt_ioapic {
    u32 pa;
    u32 gsi_base;
};

/* Polarity and trigger mode, as the table has them; 0 means what the bus has. */
struct madt_isa_irq {
    u32 gsi;
    bool active_low, level;
};

struct madt_info {
    bool has_8259;
    u32 nr_ioapics; /* those beyond the maximum are left out */
    struct madt_ioapic ioapics[MADT_IOAPICS_MAX];
    struct madt_isa_irq isa[NR_ISA_IRQS];
    /* The CPUs that are enabled, in the table's order; those beyond the maximum are left out. */
    u32 nr_cpus;
    u32 apic_ids[MADT_CPUS_MAX];
};

/* Returns false if table is NULL or too short to be an MADT: *info is then that of a plain PC. */
bool madt_parse(const struct acpi_header *table, struct madt_info *info);

#endif
