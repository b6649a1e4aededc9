/* SPDX-License-Identifier: MIT */
/*
 * vcpu_info registered twice.
 *
 * @title     second registration of vcpu_info: -EINVAL before 4.18, -EBUSY since
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv xen-pvh
 * @expect    4=good
 *
 * Background: VCPUOP_register_vcpu_info moves a vCPU's vcpu_info to a place of the guest's choice,
 * once.
 *
 * Mechanism: 4.18 made one function of this and similar calls, and with it another error.
 *
 * The kernel may have registered its own at the start. The first call here is refused then, as the
 * second is in any case.
 *
 * Verdicts: good: the error of this version. bad: another result.
 *
 * Cannot tell: nothing known.
 */
#include "repro/kit.h"

static long register_vcpu_info(const void *page, u32 offset)
{
    struct vcpu_register_vcpu_info info = {
        .mfn = kit_place() == KIT_XEN_PV ? kit_mfn(page) : kit_gfn(page), .offset = offset};

    return hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &info);
}

REPRO("abi-vcpu-info-twice")
{
    long first, second = KIT_NOT_MADE;
    void *page;

    kit_needs(KIT_XEN);
    pv_irq_disable(); /* from now on the kernel looks for events in the wrong place */
    page = kit_page();
    first = register_vcpu_info(page, 0);
    if (first && first != -EINVAL && first != -XEN_EBUSY)
        cannot_tell("the first registration: %ld", first);
    STEP second = register_vcpu_info(page, 256);
    expect("the second registration", second,
           kit_xen_version() < XEN_VERSION(4, 18) ? -EINVAL : -XEN_EBUSY);
}
