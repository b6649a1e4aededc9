/* SPDX-License-Identifier: MIT */
/*
 * The MP table, by which firmware without ACPI lists CPUs and interrupt controllers (Intel
 * MultiProcessor Specification 1.4, chapters 4 and 5). A pure function; it uses an entry only if
 * all of it is inside the table.
 */
#ifndef LIB_MPTABLE_H
#define LIB_MPTABLE_H

#include "lib/apic_config.h"
#include "lib/phys_window.h"

/*
 * The MP table has no global interrupt numbers. The pins of its nth I/O APIC get the GSIs from
 * n * MPTABLE_GSI_STEP on, because an I/O APIC has at most that many pins.
 */
#define MPTABLE_GSI_STEP 256

/*
 * Search the places that the specification names, and fill *config from the first table that is
 * intact. Return false, with *config as apic_config_init leaves it, if there is not one.
 */
bool mptable_parse(const struct phys_window *w, struct apic_config *config);

#endif
