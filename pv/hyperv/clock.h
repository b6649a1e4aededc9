/* SPDX-License-Identifier: MIT */
/*
 * Read the reference TSC page. This is pure code, which test/host/test_hyperv.c runs on the host
 * with a writer that interferes.
 */
#ifndef PV_HYPERV_CLOCK_H
#define PV_HYPERV_CLOCK_H

#include "lib/scale.h"
#include "pv/hyperv/abi.h"

enum { HV_TICK_NS = 100 };

/* Return TSC * scale / 2^64 in ns: the high half of the product is in ticks of 100 ns. */
static inline u64 hv_scaled_ns(u64 tsc, u64 scale)
{
    const unsigned __int128 product = (unsigned __int128)tsc * scale;

    return (u64)(product >> 64) * HV_TICK_NS + scale32((u64)product >> 32, HV_TICK_NS);
}

/*
 * Store the reference time in ns. Return false if the page is not valid: the caller reads the
 * counter's MSR. read_tsc: not before an earlier load.
 */
static inline bool hv_page_ns(const volatile struct hv_tsc_page *page, u64 (*read_tsc)(void),
                              u64 *ns)
{
    u32 sequence;

    do {
        sequence = page->sequence;
        if (HV_TSC_PAGE_INVALID(sequence))
            return false;
        barrier();
        *ns = hv_scaled_ns(read_tsc(), page->scale) + page->offset * HV_TICK_NS;
        barrier();
    } while (sequence != page->sequence);
    return true;
}

#endif
