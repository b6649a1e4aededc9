/* A clock of known frequency, by which others are measured. */
#ifndef PV_NATIVE_REFERENCE_H
#define PV_NATIVE_REFERENCE_H

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
 * Looks for them, the best first: HPET, ACPI's PM timer, the PIT, the RTC. The table may be NULL.
 * NULL if this machine has none.
 */
const struct reference_clock *native_reference_find(const struct acpi_header *fadt);

#endif
