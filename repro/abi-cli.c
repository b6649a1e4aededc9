/* SPDX-License-Identifier: MIT */
/*
 * cli in a PV kernel.
 *
 * @title     cli of a PV kernel: ignored with the I/O privilege, else #GP
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv
 * @expect    4=good
 *
 * Background: a PV kernel runs at CPL 3, where cli faults; Xen emulates it.
 *
 * Mechanism: a PV kernel counts as CPL 1. If its virtual I/O privilege level (PHYSDEVOP_set_iopl)
 * is at least 1, Xen ignores cli: execution continues and events are not masked. Otherwise the
 * guest gets the #GP.
 *
 * Verdicts: good: no fault and no mask with level 1, #GP(0) with level 0.
 *
 * Cannot tell: for a guest with VMASST_TYPE_architectural_iopl.
 */
#include "repro/kit.h"
#include "pv/xen/xen.h"

static void set_iopl(u32 level)
{
    struct physdev_set_iopl op = {.iopl = level};

    MUST(hc_physdev_op(PHYSDEVOP_set_iopl, &op));
}

/* Execute cli; passed becomes true if it does not fault. */
static struct fault try_cli(bool *passed)
{
    struct fault fault;

    PV_TRY(fault)
    STEP __asm__ volatile("cli\n\tmovb $1, %0" : "=m"(*passed));
    return fault;
}

REPRO("abi-cli")
{
    struct fault with, without;
    bool passed_with = false, passed_without = false, masked;

    kit_needs(KIT_XEN_PV);
    pv_irq_enable();
    set_iopl(1);
    with = try_cli(&passed_with);
    masked = READ_ONCE(xen_vcpu_info()->evtchn_upcall_mask);
    set_iopl(0);
    without = try_cli(&passed_without);
    set_iopl(1);
    EVIDENCE((passed_with || with.caught) && (passed_without || without.caught));
    if (!with.caught && !masked && without.vector == VECTOR_GP && !without.error)
        good("level 1: ignored; level 0: #GP(0)");
    print("# level 1: %s, events masked: %d\n", kit_fault_text(&with), masked);
    bad("level 0: %s; level 1: see above", kit_fault_text(&without));
}
