/* The controllers between devices and the local APIC: I/O APICs, and the 8259s of old. */
#ifndef PV_NATIVE_IOAPIC_H
#define PV_NATIVE_IOAPIC_H

#include "lib/madt.h"

struct ioapic_route {
    u32 gsi;
    u8 vector;
    bool active_low, level;
    u32 apic_id; /* destination, below 256 */
};

/* Turns off the 8259s if there are any, and masks every pin. */
void native_ioapic_init(const struct madt_info *madt);

bool native_ioapic_has(u32 gsi);

/*
 * Both for a GSI that is there. Context: one CPU at a time and interrupts disabled, since an index
 * register is written before each access.
 */
void native_ioapic_route(const struct ioapic_route *route, bool masked);
void native_ioapic_mask(u32 gsi, bool masked);

#endif
