/* SPDX-License-Identifier: MIT */
/*
 * The vector of the event upcall, and a local APIC that software has switched off.
 *
 * @title     the upcall's vector becomes pending in an APIC that is switched off
 * @affected  Xen 4.11 to 4.16; fixed by f5d0279839 (4.18, and 4.17.1)
 * @platforms xen-pvh
 * @expect    4.14=bad 4.17=good 4.20=good
 *
 * Background: HVMOP_set_evtchn_upcall_vector names the vector by which events arrive. Xen raises it
 * once then, in case an event is pending. While bit 8 of the spurious-interrupt register is clear a
 * local APIC accepts no interrupt (Intel SDM vol. 3, section 11.4.7.2).
 *
 * Mechanism: Xen set the vector's bit in the request register without asking whether the APIC is
 * on. A kernel that looks for stale requests before it switches the APIC on finds one.
 *
 * Verdicts: good: no request while the APIC is off, though there is one while it is on, which is
 * looked at first. bad: a request while it is off.
 *
 * Cannot tell: what Xen does when the APIC is switched on again.
 */
#include "pv/xen/xen.h"
#include "repro/kit.h"

#define SPURIOUS     0xf0
#define ENABLED      0x100
#define REQUEST      0x200
#define WHILE_ON     0xd5
#define WHILE_OFF    0xd6
#define REGISTER(v)  (REQUEST + (v) / 32 * 0x10)
#define REQUESTED(v) (1u << (v) % 32)

static long set_vector(u32 vector)
{
    struct xen_hvm_evtchn_upcall_vector op = {.vcpu = 0, .vector = (u8)vector};

    return hc_hvm_op(HVMOP_set_evtchn_upcall_vector, &op);
}

static bool is_requested(u32 vector)
{
    u32 value;

    MUST(pv_apic_read(REGISTER(vector), &value));
    return value & REQUESTED(vector);
}

REPRO("upcall-apic-off")
{
    long result = KIT_NOT_MADE;
    u32 spurious;

    kit_needs(KIT_XEN_PVH);
    pv_irq_disable();
    MUST(pv_apic_read(SPURIOUS, &spurious));
    MUST(pv_apic_write(SPURIOUS, spurious | ENABLED));
    MUST(set_vector(WHILE_ON));
    if (!is_requested(WHILE_ON))
        cannot_tell("no request while the APIC is on");
    MUST(pv_apic_write(SPURIOUS, spurious & ~ENABLED));
    if (is_requested(WHILE_OFF))
        cannot_tell("the vector was requested before");
    STEP result = set_vector(WHILE_OFF);
    EVIDENCE(result != KIT_NOT_MADE);
    if (result)
        cannot_tell("HVMOP_set_evtchn_upcall_vector: %ld", result);
    if (is_requested(WHILE_OFF))
        bad("vector 0x%x is requested from an APIC that is off", WHILE_OFF);
    good("vector 0x%x is not requested from an APIC that is off", WHILE_OFF);
}
