/* SPDX-License-Identifier: MIT */
/*
 * XSA-462 (CVE-2024-45817): an APIC error reported by an illegal vector.
 *
 * @title     an APIC error that is reported by an illegal vector
 * @advisory  https://xenbits.xen.org/xsa/advisory-462.html
 * @affected  Xen 4.5 to 4.19.0; fixed in 4.17.6, 4.18.4, 4.19.1
 * @platforms xen-pvh
 * @needs     timeout=10
 * @expect    4.14=bad 4.17.5+72=good 4.17.7=good 4.19.1+=good
 *
 * Background: the local APIC reports its errors by an interrupt, whose vector software chooses.
 *
 * Mechanism: to send an interrupt with a vector below 16 is an error. If the vector by which errors
 * are reported is such a one, reporting an error is an error itself. Xen reported it recursively
 * and spun on a lock that it already held.
 *
 * Verdicts: good: the guest continues. bad: the hypervisor hangs, which the time limit shows.
 *
 * Cannot tell: what the guest sees of the error (repro/apic-esr.c).
 */
#include "repro/kit.h"

#define ERROR_STATUS 0x280
#define LVT_ERROR    0x370
#define ILLEGAL      5 /* vectors below 16 are */
#define TO_SELF      0x40000

REPRO("xsa-462")
{
    u32 errors = 0;

    kit_needs(KIT_XEN_PVH);
    pv_irq_disable();
    MUST(pv_apic_write(LVT_ERROR, ILLEGAL));
    STEP MUST(pv_apic_icr(0, TO_SELF | ILLEGAL));
    MUST(pv_apic_write(ERROR_STATUS, 0));
    MUST(pv_apic_read(ERROR_STATUS, &errors));
    EVIDENCE(errors != 0);
    good("an error was reported by an illegal vector");
}
