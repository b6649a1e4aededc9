/* SPDX-License-Identifier: MIT */
/*
 * Sets of virtual processors, as hypercalls take them: a mask of those with an index below 64, or a
 * sparse set, which has a word for each bank of 64 that has a member. This is pure code, which
 * test/host/test_hyperv.c runs.
 */
#ifndef PV_HYPERV_VPSET_H
#define PV_HYPERV_VPSET_H

#include "lib/types.h"

enum { VP_BANKS = 8 }; /* virtual processors from 512 on are not in a set */

struct vp_set {
    u64 valid; /* bit n: bank n has a member */
    u64 banks[VP_BANKS];
};

/* Make the set of these CPUs, whose indexes are given. Return those that it cannot hold. */
static inline u64 vp_set_of(struct vp_set *set, u64 cpus, const u32 *indexes)
{
    u64 left_out = 0;

    *set = (struct vp_set){0};
    for (; cpus; cpus &= cpus - 1) {
        const u32 cpu = (u32)__builtin_ctzll(cpus), bank = indexes[cpu] / 64;

        if (bank >= VP_BANKS) {
            left_out |= 1ull << cpu;
            continue;
        }
        set->valid |= 1ull << bank;
        set->banks[bank] |= 1ull << indexes[cpu] % 64;
    }
    return left_out;
}

/* Return whether a mask of 64 can hold the set. */
static inline bool vp_set_is_mask(const struct vp_set *set)
{
    return !(set->valid & ~1ull);
}

/*
 * Write the sparse set to a hypercall's input: its format (0), the valid banks, and their words.
 * Return how many words the banks have.
 */
static inline u32 vp_set_write(const struct vp_set *set, u64 *input)
{
    u32 words = 0;

    *input++ = 0;
    *input++ = set->valid;
    for (u32 bank = 0; bank < VP_BANKS; bank++)
        if (set->valid >> bank & 1)
            input[words++] = set->banks[bank];
    return words;
}

#endif
