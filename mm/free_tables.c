/* SPDX-License-Identifier: MIT */
/*
 * The end of a space: its tables, which are plain memory again, and the frames that they lead to
 * are freed.
 *
 * A suspend announces tables that are plain memory too, because the machine on which the kernel
 * continues may have other machine frames, and then their entries change (mm_suspend_begin). It can
 * come wherever this thread can be preempted. So a slot is read with the space's lock held, and
 * cleared before its frame is freed: the tables are whole whenever the lock is free.
 */
#include "mm/frame.h"
#include "mm/mm.h"
#include "mm/space.h"

#define AT_ONCE 16 /* slots of which the frames are freed with the lock held */

/* Free the frame of a slot of level 1 if it is the space's own. Lock: s->lock. */
static void free_frame(union pt_slot *slot)
{
    const u64 value = slot->raw ? slot_value(1, slot->raw) : 0;
    const pfn_t pfn = value_pfn(value);

    if (!(value & PTE_PRESENT) || value & PTE_FOREIGN || frame_get(pfn)->state != FRAME_USER)
        return;
    WRITE_ONCE(slot->raw, 0);
    frame_free(pfn, 0);
}

static void free_frames(struct mm_space *s, union pt_slot *slot)
{
    for (u32 i = 0; i < PT_ENTRIES; i++) {
        if (i % AT_ONCE == 0)
            spin_lock(&s->lock);
        free_frame(&slot[i]);
        if (i % AT_ONCE == AT_ONCE - 1)
            spin_unlock(&s->lock);
    }
}

/* Return the value of a slot of a higher level: 0 if no table is there. */
static u64 table_value(struct mm_space *s, int level, const union pt_slot *slot)
{
    u64 value;

    if (!slot->raw)
        return 0;
    spin_lock(&s->lock);
    value = slot_value(level, slot->raw);
    spin_unlock(&s->lock);
    return value & PTE_PRESENT && !(value & (PTE_FOREIGN | PTE_PSE)) ? value : 0;
}

/* Free what the first so many slots of a table of a level above 1 lead to. */
static void free_below(struct mm_space *s, pfn_t table, int level, u32 slots)
{
    union pt_slot *slot = pfn_to_va(table);

    for (u32 i = 0; i < slots; i++) {
        const u64 value = table_value(s, level, &slot[i]);
        const pfn_t below = value_pfn(value);

        if (!value)
            continue;
        if (level == 2)
            free_frames(s, pfn_to_va(below));
        else
            free_below(s, below, level - 1, PT_ENTRIES);
        WRITE_ONCE(slot[i].raw, 0);
        frame_get(below)->used = 0;
        frame_free(below, 0);
    }
}

void mm_free_tables(struct mm_space *s)
{
    free_below(s, s->root, PT_LEVELS, PT_USER_SLOTS);
}
