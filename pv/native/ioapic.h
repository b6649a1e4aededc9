/* The controllers between devices and the local APIC: I/O APICs, and the 8259s of old. */
#ifndef PV_NATIVE_IOAPIC_H
#define PV_NATIVE_IOAPIC_H

#include "lib/apic_config.h"

/* Turn off the 8259s if the machine has them, and mask every pin. */
void native_ioapic_init(const struct apic_config *config);

/* A pin's entry has 8 bits for the destination, and 255 means every CPU. */
#define IOAPIC_ID_MAX 254

bool native_ioapic_has(u32 gsi);

/*
 * Both for a GSI that is there. Context: one CPU at a time and interrupts disabled, since an index
 * register is written before each access. A level-triggered pin is routed masked; apic_id is at
 * most IOAPIC_ID_MAX.
 */
void native_ioapic_route(u32 gsi, u8 vector, bool level, bool active_low, u32 apic_id);
void native_ioapic_mask(u32 gsi, bool masked);

#endif
