/* SPDX-License-Identifier: MIT */
/* Rates of clocks: convert ticks of one into ticks of another by one multiplication. */
#ifndef LIB_SCALE_H
#define LIB_SCALE_H

#include "lib/types.h"

/* Return value * factor / 2^32; the product has 128 bits. */
static inline u64 scale32(u64 value, u64 factor)
{
    return (u64)((unsigned __int128)value * factor >> 32);
}

/* Shift ticks left (right if shift is negative), then multiply by mul / 2^32. */
static inline u64 scale_shifted(u64 ticks, u32 mul, s32 shift)
{
    return scale32(shift >= 0 ? ticks << shift : ticks >> -shift, mul);
}

/* Return the factor by which scale32 turns `from` ticks into `to` ticks, both below 2^32. */
static inline u64 scale32_factor(u64 from, u64 to)
{
    return (to << 32) / from;
}

/*
 * Return the value that a counter, now at start, will have after ns nanoseconds; factor turns
 * nanoseconds into ticks. Both factors of a clock are rounded down, so conversion to ticks and back
 * loses a part of ns; the second and third term make up for that. ns must not include the uptime,
 * because the loss grows with it.
 */
static inline u64 ticks_after(u64 start, u64 ns, u64 factor)
{
    const u64 ticks = scale32(ns, factor);

    return start + ticks + (ticks >> 25) + 2;
}

/* Return the maximum of now and of all values before: a clock that cannot go back. Atomic. */
static inline u64 monotonic(u64 *last, u64 now)
{
    u64 seen = __atomic_load_n(last, __ATOMIC_RELAXED);

    while (now > seen)
        if (__atomic_compare_exchange_n(last, &seen, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return now;
    return seen;
}

/* Store value if *first is still 0. Return *first, which is then the same for all callers. */
static inline u64 first_value(u64 *first, u64 value)
{
    u64 seen = 0;

    return __atomic_compare_exchange_n(first, &seen, value, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED)
               ? value
               : seen;
}

#endif
