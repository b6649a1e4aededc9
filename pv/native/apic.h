/* SPDX-License-Identifier: MIT */
/* The local APIC, for the other files of the native backend (and for PVH's event vector). */
#ifndef PV_NATIVE_APIC_H
#define PV_NATIVE_APIC_H

#include "pv/apic_regs.h"
#include "pv/pv.h"

/* Enable this CPU's APIC, with its own sources masked. Return false if the CPU has no APIC. */
bool native_apic_init(void);

/*
 * Have native_apic_init use x2APIC mode, if the CPU has it, only as a hypervisor allows. Context:
 * early_init.
 */
void native_allow_x2apic(bool allowed);

/* Add the page of registers to the memory map, so that the direct map has it. */
void native_map_apic(struct boot_info *info);

/*
 * Return true if an IPI can be sent to the CPU of this APIC id alone. In xAPIC mode the ICR has 8
 * bits for an id, and 255 means every CPU.
 */
bool native_apic_can_address(u32 apic_id);

/* Read and write a register that exists: unlike the ops, these do not check the offset. */
u32 native_apic_get(u32 offset);
void native_apic_set(u32 offset, u32 value);
u32 native_apic_own_id(void);

#endif
