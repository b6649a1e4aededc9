/* SPDX-License-Identifier: MIT */
/*
 * The number of calls of a multicall, more than 32 bits wide.
 *
 * @title     a multicall's count is cut to 32 bits
 * @affected  Xen before 4.20; fixed by d2bbb0d455
 * @platforms xen-pv
 * @expect    4.14=bad 4.17=bad 4.20=good
 *
 * Background: a multicall is one hypercall that makes a list of hypercalls. Its second argument,
 * the number of calls, is a register of 64 bits for a 64-bit guest.
 *
 * Mechanism: do_multicall() in Xen (common/multicall.c) took the number as a uint32_t, which drops
 * the upper half: of 2^32 + 1 calls Xen made one, and returned success. The list of the repro has
 * one call, and the rest of its page is zero. No such list has 2^32 + 1 calls: Xen has to reach an
 * address that it cannot read, or to refuse the number.
 *
 * Verdicts: good if the call returns an error, whatever it did before. bad if it returns 0. A
 * multicall with a count of 1 has to succeed on every version.
 *
 * Cannot tell: if the count of 1 is refused.
 */
#include "repro/kit.h"

#define NOT_MADE 0x5eed

static long multicall(struct multicall_entry *call, u64 count)
{
    *call = MULTICALL(__HYPERVISOR_xen_version, XENVER_version);
    call->result = NOT_MADE;
    return hc_multicall(call, count);
}

REPRO("multicall-count")
{
    struct multicall_entry *call = kit_page();
    long result;

    kit_needs(KIT_XEN_PV);
    result = multicall(call, 1);
    if (result || call->result != kit_xen_version())
        cannot_tell("a multicall of one call: %ld", result);
    result = KIT_NOT_MADE;
    STEP result = multicall(call, (1ull << 32) + 1);
    EVIDENCE(result != KIT_NOT_MADE);
    if (result)
        good("2^32 + 1 calls: %ld", result);
    bad("2^32 + 1 calls: 0, as if it were one");
}
