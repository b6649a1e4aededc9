/* SPDX-License-Identifier: MIT */
/* A clock of known frequency, by which others are measured. */
#ifndef PV_NATIVE_REFCLOCK_H
#define PV_NATIVE_REFCLOCK_H

#include "lib/acpi.h"

struct reference_clock {
    const char *name;
    u32 (*read)(void); /* counts up, within mask */
    u32 mask;
    u64 femtoseconds; /* of one tick */
};

/* Find the HPET by its table, which may be NULL, and add its registers to the memory map. */
void native_hpet_acpi_init(struct boot_info *info, const struct acpi_header *table);

/*
 * Return the best reference clock of this machine, or NULL: the HPET, ACPI's PM timer, the PIT or
 * the RTC, in this order. fadt may be NULL.
 */
const struct reference_clock *native_reference_find(const struct acpi_header *fadt);

#endif
