/* SPDX-License-Identifier: MIT */
/* The list of CPUs and interrupt controllers that lib/apic_config.h describes. */
#include "lib/apic_config.h"
#include "lib/string.h"

#define IOAPIC_ALIGN    16   /* the offset of its second register */
#define IOAPIC_PINS_MAX 256u /* the field that holds their number has 8 bits */

void apic_config_init(struct apic_config *config)
{
    memset(config, 0, sizeof(*config));
    config->has_8259 = true;
    for (u32 irq = 0; irq < NR_ISA_IRQS; irq++)
        config->isa[irq].gsi = irq;
}

void apic_config_add_cpu(struct apic_config *config, u32 apic_id)
{
    for (u32 i = 0; i < config->nr_cpus; i++)
        if (config->apic_ids[i] == apic_id)
            return;
    if (config->nr_cpus < APIC_CPUS_MAX)
        config->apic_ids[config->nr_cpus++] = apic_id;
    else
        config->cpus_left_out++;
}

void apic_config_add_ioapic(struct apic_config *config, u32 pa, u32 gsi_base)
{
    if (!pa || pa % IOAPIC_ALIGN || gsi_base > GSI_NONE - IOAPIC_PINS_MAX)
        return;
    if (config->nr_ioapics < APIC_IOAPICS_MAX)
        config->ioapics[config->nr_ioapics++] = (struct apic_ioapic){pa, gsi_base};
    else
        config->ioapics_left_out++;
}
