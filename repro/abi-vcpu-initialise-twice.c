/* SPDX-License-Identifier: MIT */
/*
 * VCPUOP_initialise of a vCPU that was initialised, and what is said of one that runs.
 *
 * @title     VCPUOP_initialise twice: -EEXIST
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv
 * @needs     smp=2
 * @expect    4=good
 *
 * Background: a vCPU other than the first is given its registers by VCPUOP_initialise, once; then
 * VCPUOP_up lets it run, and VCPUOP_down stops it, as often as one likes.
 *
 * Mechanism: Xen remembers that the vCPU was initialised, also while it is down.
 *
 * Verdicts: good: -EEXIST while it runs and after it has stopped. bad: another result.
 *
 * Cannot tell: after VCPUOP_reset-like calls of a toolstack.
 */
#include "repro/kit.h"

static bool go;

static void wait_for_go(void *data)
{
    (void)data;
    while (!READ_ONCE(go))
        hc_sched_op(SCHEDOP_yield, NULL);
}

REPRO("abi-vcpu-initialise-twice")
{
    struct vcpu_guest_context *context = kit_pages(2);
    long running = KIT_NOT_MADE, stopped = KIT_NOT_MADE, was_up;

    kit_vcpu_start(wait_for_go, NULL);
    was_up = hc_vcpu_op(VCPUOP_is_up, 1, NULL);
    STEP running = hc_vcpu_op(VCPUOP_initialise, 1, context);
    WRITE_ONCE(go, true);
    if (!was_up || !kit_vcpu_wait(1000))
        cannot_tell("the second vCPU does not run");
    STEP stopped = hc_vcpu_op(VCPUOP_initialise, 1, context);
    if (running != stopped)
        bad("while it runs: %ld, after that: %ld", running, stopped);
    expect("the second VCPUOP_initialise", running, -XEN_EEXIST);
}
