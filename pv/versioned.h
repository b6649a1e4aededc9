/* SPDX-License-Identifier: MIT */
/*
 * Read a record that the hypervisor may write between any two instructions of its reader. The
 * hypervisor makes the record's version odd before it writes, and even and larger afterwards. So a
 * reader repeats until the version is even, and the same before and after:
 *
 *     do {
 *         version = version_read_begin(&r->version);
 *         value = r->value;
 *     } while (version_read_retry(&r->version, version));
 *
 * The compiler does not move accesses over either function, and the CPU does not reorder loads.
 */
#ifndef PV_VERSIONED_H
#define PV_VERSIONED_H

#include "lib/types.h"

static inline u32 version_read_begin(const volatile u32 *version)
{
    const u32 before = *version;

    barrier();
    return before;
}

/* Return true if what was read since version_read_begin returned `before` may be mixed. */
static inline bool version_read_retry(const volatile u32 *version, u32 before)
{
    barrier();
    return before & 1 || before != *version;
}

#endif
