/* SPDX-License-Identifier: MIT */
/*
 * ACPI's Multiple APIC Description Table: the CPUs, the interrupt controllers, and where the ISA
 * interrupts arrive (ACPI specification 6.4, section 5.2.12). A pure function; it uses an entry
 * only if all of it is inside the table.
 */
#ifndef LIB_MADT_H
#define LIB_MADT_H

#include "lib/acpi.h"
#include "lib/apic_config.h"

/* Return false, with *config as apic_config_init leaves it, if table is NULL or too short. */
bool madt_parse(const struct acpi_header *table, struct apic_config *config);

#endif
