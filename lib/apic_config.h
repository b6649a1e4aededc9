/* SPDX-License-Identifier: MIT */
/*
 * The CPUs and interrupt controllers that the firmware lists. It does so in one of two tables, and
 * both parsers fill the same struct: ACPI's MADT (lib/madt.h), or on older machines the MP table
 * (lib/mptable.h).
 */
#ifndef LIB_APIC_CONFIG_H
#define LIB_APIC_CONFIG_H

#include "lib/types.h"

#define APIC_IOAPICS_MAX 8
#define APIC_CPUS_MAX    256
#define NR_ISA_IRQS      16
#define GSI_NONE         (~(u32)0) /* an ISA interrupt that no I/O APIC receives */

/* The pins are the global system interrupts (GSIs) from gsi_base on. */
struct apic_ioapic {
    u32 pa;
    u32 gsi_base;
};

/* ISA's own polarity and trigger mode are active high and edge. */
struct apic_isa_irq {
    u32 gsi;
    bool active_low, level;
};

struct apic_config {
    bool has_8259;
    bool has_imcr; /* a register that switches the CPU between the 8259 and the local APIC */
    u32 nr_ioapics;
    struct apic_ioapic ioapics[APIC_IOAPICS_MAX];
    u32 ioapics_left_out; /* listed beyond the maximum */
    struct apic_isa_irq isa[NR_ISA_IRQS];
    /* The CPUs that firmware lists as enabled, in its order, each once. */
    u32 nr_cpus;
    u32 apic_ids[APIC_CPUS_MAX];
    u32 cpus_left_out; /* listed beyond the maximum */
};

/*
 * Make *config that of a PC without tables: no CPU and no I/O APIC listed, and each ISA interrupt's
 * GSI is its own number.
 */
void apic_config_init(struct apic_config *config);

/* Add a CPU unless it is listed already. */
void apic_config_add_cpu(struct apic_config *config, u32 apic_id);

/* Add an I/O APIC. Ignore one whose address or GSIs cannot be right. */
void apic_config_add_ioapic(struct apic_config *config, u32 pa, u32 gsi_base);

#endif
