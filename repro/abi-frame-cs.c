/* SPDX-License-Identifier: MIT */
/*
 * The privilege level that a PV kernel sees of itself.
 *
 * @title     a PV kernel: CPL 3 in %cs, 0 in the frame of an interrupt
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv
 * @expect    4=good
 *
 * Background: on x86-64 Xen runs a PV kernel at CPL 3, like its user mode.
 *
 * Mechanism: the frame that Xen makes has RPL 0 in its CS if the kernel was interrupted, so that
 * the kernel can distinguish kernel mode from user mode. %cs itself holds 3.
 *
 * Verdicts: good: 3 in %cs, 0 in the frame. bad: otherwise.
 *
 * Cannot tell: nothing known.
 */
#include "repro/kit.h"
#include "kernel/irq.h"

static u64 frame_cs = ~0ull;

static void on_event(void *data)
{
    (void)data;
    frame_cs = irq_frame()->cs;
}

REPRO("abi-frame-cs")
{
    int line;
    u16 cs;

    kit_needs(KIT_XEN_PV);
    __asm__ volatile("mov %%cs, %0" : "=r"(cs));
    line = (int)MUST(pv_irq_bind(PV_IRQ_SOFT, 0));
    MUST(irq_request((u32)line, on_event, NULL));
    pv_irq_enable();
    STEP pv_irq_raise((u32)line);
    for (u64 end = kit_now() + 100000000; frame_cs == ~0ull && kit_now() < end;)
        barrier();
    if (frame_cs == ~0ull)
        cannot_tell("no event came");
    exercised();
    if ((cs & 3) == 3 && (frame_cs & 3) == 0)
        good("%%cs is 0x%x, the frame's CS 0x%llx", cs, (unsigned long long)frame_cs);
    bad("%%cs is 0x%x, the frame's CS 0x%llx", cs, (unsigned long long)frame_cs);
}
