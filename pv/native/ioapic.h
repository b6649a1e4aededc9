/* SPDX-License-Identifier: MIT */
/* The controllers between devices and the local APIC: I/O APICs, and the PC's 8259s. */
#ifndef PV_NATIVE_IOAPIC_H
#define PV_NATIVE_IOAPIC_H

#include "lib/apic_config.h"

/* Mask the 8259s, if the machine has them, and every pin of the I/O APICs. */
void native_ioapic_init(const struct apic_config *config);

/* A pin's entry has 8 bits for the destination's APIC id, and 255 means every CPU. */
#define IOAPIC_ID_MAX 254

bool native_ioapic_has(u32 gsi);

/*
 * Route the pin of a GSI that exists to a vector and a CPU (apic_id at most IOAPIC_ID_MAX), a
 * level-triggered one masked; and mask or unmask it. Context: one CPU at a time, interrupts
 * disabled, because an index register is written before each access.
 */
void native_ioapic_route(u32 gsi, u8 vector, bool level, bool active_low, u32 apic_id);
void native_ioapic_mask(u32 gsi, bool masked);

#endif
