/* A clock of known frequency, by which others are measured. */
#ifndef PV_NATIVE_REFERENCE_H
#define PV_NATIVE_REFERENCE_H

#include "lib/acpi.h"

struct reference_clock {
    const char *name;
    u64 (*read)(void); /* counts up, within mask */
    u64 mask;
    u64 femtoseconds; /* of one tick */
};

/*
 * Looks for them, the best first: HPET, ACPI's PM timer, the PIT. The tables may be NULL. False if
 * this machine has none.
 */
bool native_reference_find(const struct acpi_header *hpet, const struct acpi_header *fadt,
                           struct reference_clock *clock);

#endif
