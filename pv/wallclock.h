/* SPDX-License-Identifier: MIT */
/* The range of the wall clock (ops get_wallclock, set_wallclock). */
#ifndef PV_WALLCLOCK_H
#define PV_WALLCLOCK_H

#include "lib/types.h"

/* Return true if set_wallclock takes this time: before 2100, in nanoseconds since 1970. */
static inline bool wallclock_valid(u64 ns)
{
    return ns < 4102444800ull * 1000000000;
}

#endif
