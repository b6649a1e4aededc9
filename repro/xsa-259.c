/* SPDX-License-Identifier: MIT */
/*
 * XSA-259 (CVE-2018-10471): int 0x80 without a handler.
 *
 * @title     int 0x80 of a PV guest that registered no handler for it
 * @advisory  https://xenbits.xen.org/xsa/advisory-259.html
 * @affected  Xen 4.6 to 4.10 with XPTI; fixed in 4.10.1
 * @platforms xen-pv
 * @xen       xpti=dom0
 * @expect    4.10.1+=good
 *
 * Background: vector 0x80 is Linux's 32-bit system call, so Xen has a separate entry for it, which
 * goes straight to the guest's handler.
 *
 * Mechanism: with XPTI the entry switches to Xen's page tables, and the switch changed a register
 * that the path for "no handler is registered" relied on. That path then ran with a wrong stack or
 * address and crashed Xen.
 *
 * Verdicts: good: #GP with error 0x402, as for a gate that user mode may not use. bad: anything
 * else; where the bug is, the hypervisor crashes.
 *
 * Cannot tell: on a Xen that was built without XPTI. QEMU before 8.0 makes the error code of such a
 * #GP wrong; this one is Xen's own.
 */
#include "pv/trap_frame.h"
#include "repro/kit.h"

#define GP_OF_VECTOR_80 (0x80 << 3 | 2)

/* All vectors but 0x80; a table without entries unregisters all. */
static void register_all_but_80(void)
{
    struct trap_info *table = kit_pages(2);
    u32 used = 0;

    for (u32 vector = 0; vector < 256; vector++)
        if (vector != 0x80)
            table[used++] = (struct trap_info){(u8)vector, vector == VECTOR_BP ? 3 | 4 : 4,
                                               FLAT_KERNEL_CS, (u64)pv_vector_stubs[vector]};
    MUST(hc_set_trap_table(NULL));
    MUST(hc_set_trap_table(table));
}

REPRO("xsa-259")
{
    static const u8 int_80[] = {0xcd, 0x80};
    struct kit_regs regs = {0};
    struct kit_exit left = KIT_NOT_RUN;

    kit_needs(KIT_XEN_PV);
    register_all_but_80();
    STEP left = kit_user64(int_80, sizeof(int_80), &regs, 0);
    EVIDENCE(left.vector != KIT_NOT_RUN.vector);
    if (left.vector == VECTOR_GP && left.error == GP_OF_VECTOR_80 && left.offset == 0)
        good("#GP(0x402) at the instruction");
    bad("%s at offset %lld", kit_exit_text(&left), (long long)left.offset);
}
