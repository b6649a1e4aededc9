/* SPDX-License-Identifier: MIT */
/*
 * Page tables: the walk to an address, and the calls of mm/space.h that change what is mapped.
 *
 * Four levels of tables turn an address into a frame. Each table is one frame of 512 slots, and
 * nine bits of the address choose the slot at each level:
 *
 *    63         48 47    39 38    30 29    21 20    12 11         0
 *   +-------------+--------+--------+--------+--------+------------+
 *   | copy of 47  | pgd    | pud    | pmd    | pte    | offset in  |
 *   |             | level 4| level 3| level 2| level 1| the page   |
 *   +-------------+--------+--------+--------+--------+------------+
 *     one entry maps 512 GiB    1 GiB    2 MiB    4 KiB
 *
 * A walk (table_walk()) starts at the space's root and follows entries down. It ends at the wanted
 * level, at an entry that is not present, or at a large page (a leaf of level 2 or 3, PTE_PSE).
 *
 * Value and entry. mm/ computes with values: a pfn and flags (pv/mmu_types.h). A table holds raw
 * entries, which on Xen PV contain machine frame numbers. The ops pv_make_pXX and pv_pXX_val turn
 * one into the other. They and the ops that write a slot take a type for each level, because a
 * caller that mixes levels up is a fault that the compiler can find. The walker does not know its
 * level at compile time: mm/pt_slot.h is the one place where a level becomes a type.
 *
 * Announced tables. A space is live once its root has been announced to the backend. From then on
 * a hypervisor may have made its tables read-only: all changes go through ops, a new table is
 * filled by plain stores, announced, and then linked by one op, and an unlinked table is released
 * before its frame is used for something else. Before that, tables are plain memory.
 *
 * Lazy sections. Each change of a space is a lazy section under the space's lock: the backend may
 * queue writes, so no slot is read between the write and the next pv_lazy_flush. space_unlock
 * flushes before it unlocks, because the next owner of the lock, and walks without the lock
 * (mm_query), read the slots.
 *
 * Invariants: struct frame's used counts the slots in use of each table that can be freed; a table
 * with no slot in use is unlinked and freed; frames that were unlinked, tables too, are freed after
 * the flush of the TLBs, because a CPU may walk through them until then.
 */
#include "mm/space.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"

#define BATCH_ORDER 6 /* of the blocks of new frames that mm_map_new asks for first */

/* The way to an address: the slots from the root down to the one where the walk ended. */
struct path {
    union pt_slot *slot[PT_LEVELS + 1]; /* by level; [0] is unused */
    int level;                          /* where the walk ended */
    u64 value; /* of that slot; 0 at the wanted level, whose slot is not read */
};

/* ---- The walk ------------------------------------------------------------------------------- */

/*
 * Walk from the root towards va, down to the level wanted at most. With the space's lock held, or
 * without it if a change on another CPU may be seen or not.
 */
static void table_walk(const struct mm_space *s, u64 va, int wanted, struct path *p)
{
    pfn_t table = s->root;

    for (int level = PT_LEVELS;; level--) {
        p->level = level;
        p->slot[level] = (union pt_slot *)pfn_to_va(table) + pt_index(va, level);
        p->value = 0;
        if (level == wanted)
            return;
        p->value = slot_value(level, READ_ONCE(p->slot[level]->raw));
        if (!(p->value & PTE_PRESENT) || p->value & PTE_PSE)
            return;
        table = value_pfn(p->value);
    }
}

/* Return the entry in the table of frames of the page table that holds this slot. */
static struct frame *table_frame(const union pt_slot *slot)
{
    return frame_get(va_to_pfn(slot));
}

/*
 * Change n slots of one table, from slot on: to value, with the frame increased by one from slot to
 * slot, or to 0. Above level 1, n is 1. live: the table is announced. This is the one place where
 * slots come into use and go out of use, so it keeps the table's count of them.
 */
static void set_slots(bool live, int level, union pt_slot *slot, u64 value, u32 n)
{
    struct frame *table = table_frame(slot);

    if (level > 1 && live)
        slot_set(level, slot, slot_raw(level, value));
    else if (level > 1)
        slot->raw = slot_raw(level, value);
    else if (live && value)
        pv_set_ptes(&slot->pte, value, n);
    else if (live)
        pv_clear_ptes(&slot->pte, n);
    else if (value)
        pv_init_ptes(&slot->pte, value, n);
    else
        memset(slot, 0, n * sizeof(*slot));
    if (table->used != FRAME_PERMANENT)
        table->used = (u16)(value ? table->used + n : table->used - n);
}

/* ---- Locking, ranges ------------------------------------------------------------------------ */

static void space_lock(struct mm_space *s)
{
    spin_lock(&s->lock);
    pv_lazy_enter();
}

/* The flush is explicit, because the caller may itself be in a lazy section: then leave delays. */
static void space_unlock(struct mm_space *s)
{
    pv_lazy_flush();
    pv_lazy_leave();
    spin_unlock(&s->lock);
}

/* Return how many of the count pages from va on the table of level 1 that maps va also maps. */
static u32 in_table(u64 va, u64 count)
{
    return (u32)MIN(count, PT_ENTRIES - pt_index(va, 1));
}

static bool is_range(const struct mm_space *s, u64 va, u64 count)
{
    return va % PAGE_SIZE == 0 && va >= s->low && va < s->high && count &&
           count <= (s->high - va) >> PAGE_SHIFT;
}

static u64 leaf_flags(const struct mm_space *s, u32 prot)
{
    return PTE_PRESENT | s->flags | (prot & MM_WRITE ? PTE_WRITE : 0) |
           (prot & MM_EXEC ? 0 : PTE_NX) | (prot & MM_UNCACHED ? PTE_UNCACHED : 0);
}

/* Eight slots a turn, because most tables that are checked are empty. */
static bool all_zero(const union pt_slot *slot, u32 count)
{
    u64 any = 0;

    for (; count >= 8; count -= 8, slot += 8)
        any |= slot[0].raw | slot[1].raw | slot[2].raw | slot[3].raw | slot[4].raw | slot[5].raw |
               slot[6].raw | slot[7].raw;
    for (; count; count--, slot++)
        any |= slot->raw;
    return !any;
}

static bool all_present(const union pt_slot *slot, u32 count)
{
    u64 all = PTE_PRESENT;

    for (; count; count--, slot++)
        all &= slot->raw;
    return all;
}

/*
 * Return 0 if every page of the range is mapped by a leaf of level 1 (present), or if nothing is
 * mapped there (!present); else the error that mm/space.h names.
 */
static int check_pages(const struct mm_space *s, u64 va, u64 count, bool present)
{
    struct path p;

    for (u32 n; count; va += n * PAGE_SIZE, count -= n) {
        n = in_table(va, count);
        table_walk(s, va, 1, &p);
        if (p.value & PTE_PRESENT) /* a large page */
            return present ? -EINVAL : -EEXIST;
        if (present && (p.level > 1 || !all_present(p.slot[1], n)))
            return -ENOENT;
        if (!present && p.level == 1 && !all_zero(p.slot[1], n))
            return -EEXIST;
    }
    return 0;
}

/* ---- Mapping -------------------------------------------------------------------------------- */

/*
 * Allocate the tables that a walk did not find, down to level, and enter their slots for va in the
 * path. They are not linked yet. Return false without memory.
 */
static bool extend(struct path *p, u64 va, int level)
{
    u32 tables = 0;

    for (int l = level; l < p->level; l++) {
        const pfn_t table = frame_alloc(0, FRAME_ZEROED, FRAME_TABLE);

        if (table.n == PFN_INVALID.n) {
            frames_free_list(tables);
            return false;
        }
        frame_push(&tables, table);
        p->slot[l] = (union pt_slot *)pfn_to_va(table) + pt_index(va, l);
    }
    return true;
}

/*
 * Map n pages in one table of level 1, or one leaf of a higher level, where nothing is mapped.
 * Missing tables are filled and announced from the bottom up; the last write links them all.
 */
static int map_run(const struct mm_space *s, u64 va, int level, u64 value, u32 n)
{
    struct path p;

    table_walk(s, va, level, &p);
    if (!extend(&p, va, level))
        return -ENOMEM;
    for (int l = level; l < p.level; l++) {
        const pfn_t table = va_to_pfn(p.slot[l]);

        set_slots(false, l, p.slot[l], value, n);
        if (s->live)
            pv_announce_table(table, l);
        value = pte_value(table, TABLE_FLAGS | (s->flags & PTE_USER));
        n = 1;
    }
    set_slots(s->live, p.level, p.slot[p.level], value, n);
    if (p.level > level + 1)
        pv_lazy_flush(); /* the walk to the next run reads the slot that links these tables */
    return 0;
}

/*
 * Map count frames from the one in value on, if nothing is mapped there. After an error nothing is
 * mapped: what was done by then is undone.
 */
static int map_value(struct mm_space *s, u64 va, u64 value, u64 count)
{
    u64 done = 0;
    int error;

    space_lock(s);
    error = check_pages(s, va, count, false);
    while (done < count && !error) {
        const u32 n = in_table(va + done * PAGE_SIZE, count - done);

        error = map_run(s, va + done * PAGE_SIZE, 1, value + done * PAGE_SIZE, n);
        if (!error)
            done += n;
    }
    space_unlock(s);
    if (error && done)
        mm_unmap(s, va, done);
    return error;
}

/* frames_open_mappable may build tables of the direct map, if these frames were never used. */
int mm_map(struct mm_space *s, u64 va, pfn_t pfn, u64 count, u32 prot)
{
    if (!is_range(s, va, count) || !frames_open_mappable(pfn, count))
        return -EINVAL;
    return map_value(s, va, pte_value(pfn, leaf_flags(s, prot)), count);
}

int mm_map_device(struct mm_space *s, u64 va, u64 pa, u64 count)
{
    const u64 flags = leaf_flags(s, MM_WRITE | MM_UNCACHED) | PTE_FOREIGN;

    if (!is_range(s, va, count) || pa % PAGE_SIZE || pa > BOOT_PA_MAX ||
        count > (BOOT_PA_MAX - pa) >> PAGE_SHIFT)
        return -EINVAL;
    return map_value(s, va, pa | flags, count);
}

int mm_map_large(struct mm_space *s, u64 va, pfn_t pfn, int level, u32 prot)
{
    const u64 pages = pt_span(level) >> PAGE_SHIFT;
    int error;

    if (level < 2 || !(mm_traits.leaf_levels >> level & 1))
        return -EOPNOTSUPP;
    if (!is_range(s, va, pages) || va % pt_span(level) || pfn.n % pages ||
        !frames_open_mappable(pfn, pages))
        return -EINVAL;
    space_lock(s);
    error = check_pages(s, va, pages, false);
    if (!error)
        error = map_run(s, va, level, pte_value(pfn, leaf_flags(s, prot) | PTE_PSE), 1);
    space_unlock(s);
    return error;
}

/* Ask for large blocks first, and for smaller ones when a size is used up, or more than is missing.
 */
int mm_map_new(struct mm_space *s, u64 va, u64 count, u32 prot, u32 flags, u32 owner)
{
    int error = is_range(s, va, count) ? 0 : -EINVAL;
    u32 order = BATCH_ORDER;
    u64 done = 0;

    while (!error && done < count) {
        pfn_t pfn = PFN_INVALID;

        if (count - done >= 1ull << order)
            pfn = frame_alloc(order, flags | FRAME_SINGLE, owner);
        if (pfn.n == PFN_INVALID.n) {
            error = order ? 0 : -ENOMEM;
            order -= 1;
            continue;
        }
        error =
            map_value(s, va + done * PAGE_SIZE, pte_value(pfn, leaf_flags(s, prot)), 1ull << order);
        for (u64 i = 0; error && i < 1ull << order; i++)
            frame_free(PFN(pfn.n + i), 0);
        if (!error)
            done += 1ull << order;
    }
    if (error && done)
        mm_unmap_free(s, va, done);
    return error;
}

/* ---- Unmapping ------------------------------------------------------------------------------ */

/* Unlink the tables on the path that are empty now, from level up, and add them to *list. */
static void unlink_empty(const struct mm_space *s, const struct path *p, int level, u32 *list)
{
    for (; level < PT_LEVELS && !table_frame(p->slot[level])->used; level++) {
        const pfn_t table = va_to_pfn(p->slot[level]);

        set_slots(s->live, level + 1, p->slot[level + 1], 0, 1);
        if (s->live)
            pv_release_table(table, level);
        frame_push(list, table);
    }
}

/*
 * Unmap what one table of level 1 maps of [va, end), or one large page, and return its end.
 * and_free: add the frames of 4 KiB pages to *list too.
 */
static u64 unmap_run(const struct mm_space *s, u64 va, u64 end, bool and_free, u32 *list)
{
    u32 n = in_table(va, (end - va) >> PAGE_SHIFT);
    struct path p;

    table_walk(s, va, 1, &p);
    if (p.level > 1)
        n = 1;
    for (u32 i = 0; and_free && p.level == 1 && i < n; i++)
        frame_push(list, value_pfn(pv_pte_val(p.slot[1][i].pte)));
    set_slots(s->live, p.level, p.slot[p.level], 0, n);
    unlink_empty(s, &p, p.level, list);
    return va + n * pt_span(p.level);
}

/* Return whether the range is one large page. */
static bool is_large(const struct mm_space *s, u64 va, u64 count)
{
    struct path p;

    table_walk(s, va, 1, &p);
    return p.value & PTE_PSE && va % pt_span(p.level) == 0 &&
           count == pt_span(p.level) >> PAGE_SHIFT;
}

static int unmap_range(struct mm_space *s, u64 va, u64 count, bool and_free)
{
    const u64 end = va + count * PAGE_SIZE;
    u32 list = 0;
    int error;

    if (!is_range(s, va, count))
        return -EINVAL;
    space_lock(s);
    error = check_pages(s, va, count, true);
    if (error == -EINVAL && is_large(s, va, count))
        error = 0;
    for (u64 at = va; !error && at < end;)
        at = unmap_run(s, at, end, and_free, &list);
    space_unlock(s);
    if (error)
        return error;
    mm_flush(s, va, count);
    frames_free_list(list);
    return 0;
}

int mm_unmap(struct mm_space *s, u64 va, u64 count)
{
    return unmap_range(s, va, count, false);
}

void mm_unmap_free(struct mm_space *s, u64 va, u64 count)
{
    unmap_range(s, va, count, true);
}

/* ---- Protection ----------------------------------------------------------------------------- */

/*
 * Give a present leaf of level 1 these flags. The hardware may set its accessed and dirty bits at
 * any time, so a live slot is changed by the pair of ops that does not lose them.
 */
static void protect_page(const struct mm_space *s, union pt_slot *slot, u64 flags)
{
    const u64 keep = PTE_FRAME_MASK | PTE_ACCESSED | PTE_DIRTY | PTE_FOREIGN;
    const pte_t old = s->live ? pv_ptep_modify_prot_start(&slot->pte) : slot->pte;
    const pte_t changed = pv_make_pte((pv_pte_val(old) & keep) | flags);

    if (s->live)
        pv_ptep_modify_prot_commit(&slot->pte, old, changed);
    else
        slot->pte = changed;
}

int mm_protect(struct mm_space *s, u64 va, u64 count, u32 prot)
{
    const u64 end = va + count * PAGE_SIZE;
    struct path p;
    int error;

    if (!is_range(s, va, count))
        return -EINVAL;
    space_lock(s);
    error = check_pages(s, va, count, true);
    for (u64 at = va; !error && at < end; at += PAGE_SIZE) {
        table_walk(s, at, 1, &p);
        protect_page(s, p.slot[1], leaf_flags(s, prot));
    }
    space_unlock(s);
    if (!error)
        mm_flush(s, va, count);
    return error;
}

/* ---- Looking -------------------------------------------------------------------------------- */

/* Walk without the lock. A suspend changes entries, so it waits; value is that of level 1, too. */
static void walk_undisturbed(const struct mm_space *s, u64 va, int level, struct path *p)
{
    const u64 flags = pv_irq_save();

    table_walk(s, va, level, p);
    if (p->level == 1)
        p->value = slot_value(1, READ_ONCE(p->slot[1]->raw));
    pv_restore_fl(flags);
}

bool mm_query(const struct mm_space *s, u64 va, struct mm_mapping *m)
{
    struct path p;

    walk_undisturbed(s, va, 1, &p);
    if (!(p.value & PTE_PRESENT))
        return false;
    m->value = p.value;
    m->level = p.level;
    m->pfn = PFN(value_pfn(p.value).n + ((va & (pt_span(p.level) - 1)) >> PAGE_SHIFT));
    m->prot = (p.value & PTE_WRITE ? MM_WRITE : 0) | (p.value & PTE_NX ? 0 : MM_EXEC) |
              (p.value & PTE_PCD ? MM_UNCACHED : 0);
    return true;
}

union pt_slot *mm_slot(const struct mm_space *s, u64 va, int level)
{
    struct path p;

    walk_undisturbed(s, va, level, &p);
    return p.level == level ? p.slot[level] : NULL;
}
