/* SPDX-License-Identifier: MIT */
/*
 * A page table that is mapped writable elsewhere.
 *
 * @title     MMUEXT_PIN_L1_TABLE with a writable alias is refused
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv
 * @expect    4=good
 *
 * Background: Xen takes a frame as a page table only if no mapping lets the guest write it.
 *
 * Mechanism: a frame has one type at a time; a writable mapping makes it a writable page.
 *
 * Verdicts: good: refused with the alias, taken without. bad: taken with it.
 *
 * Cannot tell: nothing known.
 */
#include "repro/kit.h"

static long pin(const void *table)
{
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = kit_mfn(table)};

    return hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

REPRO("abi-pin-alias")
{
    void *table;
    long with = KIT_NOT_MADE, without;

    kit_needs(KIT_XEN_PV);
    table = kit_frame();
    STEP with = pin(table);
    EVIDENCE(with != KIT_NOT_MADE);
    if (!with)
        bad("a table was taken that is mapped writable");
    pv_announce_table(va_to_pfn(table), 1);
    without = pin(table);
    if (without)
        cannot_tell("without an alias: %ld", without);
    good("with a writable alias: %ld, without: 0", with);
}
