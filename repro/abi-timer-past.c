/* SPDX-License-Identifier: MIT */
/*
 * A timer that is set for the past.
 *
 * @title     one-shot timer in the past: -ETIME with the flag in 4.14, 0 since 4.17
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv xen-pvh
 * @expect    4=good
 *
 * Background: VCPUOP_set_singleshot_timer takes an absolute time.
 *
 * Mechanism: with VCPU_SSHOTTMR_future a time that has passed was an error; without it the timer
 * fires at once. Xen 4.17 has the flag in its headers still, but ignores it.
 *
 * Verdicts: good: with the flag -ETIME in 4.14 and 0 in 4.17; 0 without it. bad: anything else.
 *
 * Cannot tell: which of 4.15 and 4.16 was the first to ignore it.
 */
#include "repro/kit.h"

static long set_timer(u32 flags)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = kit_now() - 1000000,
                                              .flags = flags};

    return hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer);
}

REPRO("abi-timer-past")
{
    long with = KIT_NOT_MADE, without = KIT_NOT_MADE, wanted;
    u32 version;

    kit_needs(KIT_XEN);
    version = kit_xen_version();
    if (version > XEN_VERSION(4, 14) && version < XEN_VERSION(4, 17))
        cannot_tell("the expected result of this version is not known");
    wanted = version < XEN_VERSION(4, 17) ? -XEN_ETIME : 0;
    STEP
    {
        with = set_timer(VCPU_SSHOTTMR_future);
        without = set_timer(0);
    }
    EVIDENCE(with != KIT_NOT_MADE && without != KIT_NOT_MADE);
    if (with == wanted && !without)
        good("%ld with VCPU_SSHOTTMR_future, 0 without", with);
    bad("%ld with VCPU_SSHOTTMR_future, %ld without", with, without);
}
