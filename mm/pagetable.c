/*
 * The walker and the mapper (mm/space.h): four levels of tables, written through the direct map by
 * ops if the space is live, by plain stores before that. Invariants: struct frame's
 * used counts the entries in use of every table that can be freed; a table with none is freed; a
 * new table is filled before it is linked, so that announcing it is one step.
 */
#include "mm/space.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"

#define BATCH_ORDER 6 /* of the new frames that are mapped at once */

/* The way to an address: the slots from the root down to where the walk ended. */
struct path {
    u64 *slot[PT_LEVELS + 1];
    int level; /* where it ended */
    u64 value; /* of the slot there; 0 at the wanted level, which is not read */
};

u64 entry_raw(int level, u64 value)
{
    switch (level) {
    case 2:
        return pv_make_pmd(value).raw;
    case 3:
        return pv_make_pud(value).raw;
    default:
        return pv_make_pgd(value).raw;
    }
}

static u64 entry_value(int level, u64 raw)
{
    switch (level) {
    case 1:
        return pv_pte_val((pte_t){raw});
    case 2:
        return pv_pmd_val((pmd_t){raw});
    case 3:
        return pv_pud_val((pud_t){raw});
    default:
        return pv_pgd_val((pgd_t){raw});
    }
}

/* In an announced table above level 1. */
static void entry_set(int level, u64 *slot, u64 raw)
{
    switch (level) {
    case 2:
        pv_set_pmd((pmd_t *)slot, (pmd_t){raw});
        break;
    case 3:
        pv_set_pud((pud_t *)slot, (pud_t){raw});
        break;
    default:
        pv_set_pgd((pgd_t *)slot, (pgd_t){raw});
        break;
    }
}

static struct frame *table_of(const u64 *slot)
{
    return frame_get(va_to_pfn(slot));
}

/*
 * The one place where entries come and go: n of one table from slot on, to value, whose frame grows
 * by one each time, or to 0. Above level 1 n is 1. live: the table is announced.
 */
static void set_entries(bool live, int level, u64 *slot, u64 value, u32 n)
{
    struct frame *table = table_of(slot);

    if (level > 1 && live)
        entry_set(level, slot, entry_raw(level, value));
    else if (level > 1)
        *slot = entry_raw(level, value);
    else if (live && value)
        pv_set_ptes((pte_t *)slot, value, n);
    else if (live)
        pv_clear_ptes((pte_t *)slot, n);
    else if (value)
        pv_init_ptes((pte_t *)slot, value, n);
    else
        memset(slot, 0, n * sizeof(*slot));
    if (table->used != FRAME_PERMANENT)
        table->used = (u16)(value ? table->used + n : table->used - n);
}

static void walk(const struct mm_space *s, u64 va, int wanted, struct path *p)
{
    pfn_t table = s->root;

    for (int level = PT_LEVELS;; level--) {
        p->level = level;
        p->slot[level] = (u64 *)pfn_to_va(table) + pt_index(va, level);
        p->value = 0;
        if (level == wanted)
            return;
        p->value = entry_value(level, READ_ONCE(*p->slot[level]));
        if (!(p->value & PTE_PRESENT) || p->value & PTE_PSE)
            return;
        table = value_pfn(p->value);
    }
}

/* A space's tables change under its lock, and truly so before that is left: others walk them. */
static void enter(struct mm_space *s)
{
    spin_lock(&s->lock);
    pv_lazy_enter();
}

static void leave(struct mm_space *s)
{
    pv_lazy_flush(); /* the caller may be lazy */
    pv_lazy_leave();
    spin_unlock(&s->lock);
}

/* How many of count pages from va on are mapped by one table of level 1. */
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

static bool all_zero(const u64 *slot, u32 count)
{
    u64 any = 0;

    for (; count >= 8; count -= 8, slot += 8)
        any |= slot[0] | slot[1] | slot[2] | slot[3] | slot[4] | slot[5] | slot[6] | slot[7];
    for (; count; count--, slot++)
        any |= *slot;
    return !any;
}

static bool all_present(const u64 *slot, u32 count)
{
    u64 all = PTE_PRESENT;

    for (; count; count--, slot++)
        all &= *slot;
    return all;
}

/* 0 if the range is all mapped by pages of 4 KiB (present), or nothing is there; else why not. */
static int check_pages(const struct mm_space *s, u64 va, u64 count, bool present)
{
    struct path p;

    for (u32 n; count; va += n * PAGE_SIZE, count -= n) {
        n = in_table(va, count);
        walk(s, va, 1, &p);
        if (p.value & PTE_PRESENT) /* a large page */
            return present ? -EINVAL : -EEXIST;
        if (present && (p.level > 1 || !all_present(p.slot[1], n)))
            return -ENOENT;
        if (!present && p.level == 1 && !all_zero(p.slot[1], n))
            return -EEXIST;
    }
    return 0;
}

/* Adds to a path that ended early new tables, down to level; false without memory. */
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
        p->slot[l] = (u64 *)pfn_to_va(table) + pt_index(va, l);
    }
    return true;
}

/* Maps n pages that one table of level 1 holds, or one leaf of a higher level, absent so far. */
static int map_run(const struct mm_space *s, u64 va, int level, u64 value, u32 n)
{
    struct path p;

    walk(s, va, level, &p);
    if (!extend(&p, va, level))
        return -ENOMEM;
    for (int l = level; l < p.level; l++) {
        const pfn_t table = va_to_pfn(p.slot[l]);

        set_entries(false, l, p.slot[l], value, n);
        if (s->live)
            pv_announce_table(table, l);
        value = pte_value(table, TABLE_FLAGS | (s->flags & PTE_USER));
        n = 1;
    }
    set_entries(s->live, p.level, p.slot[p.level], value, n);
    if (p.level > level + 1)
        pv_lazy_flush(); /* the next run's way may be through what lies above its own table */
    return 0;
}

/* Unlinks the tables on the path that are empty now, from level up, and adds them to a list. */
static void unlink_empty(const struct mm_space *s, const struct path *p, int level, u32 *list)
{
    for (; level < PT_LEVELS && !table_of(p->slot[level])->used; level++) {
        const pfn_t table = va_to_pfn(p->slot[level]);

        set_entries(s->live, level + 1, p->slot[level + 1], 0, 1);
        if (s->live)
            pv_release_table(table, level);
        frame_push(list, table);
    }
}

/*
 * Unmaps what one table of level 1 holds of [va, end), or a large page, and returns where that
 * ends. and_free: the frames of 4 KiB pages go on the list too.
 */
static u64 unmap_run(const struct mm_space *s, u64 va, u64 end, bool and_free, u32 *list)
{
    u32 n = in_table(va, (end - va) >> PAGE_SHIFT);
    struct path p;

    walk(s, va, 1, &p);
    if (p.level > 1)
        n = 1;
    for (u32 i = 0; and_free && p.level == 1 && i < n; i++)
        frame_push(list, value_pfn(pv_pte_val((pte_t){p.slot[1][i]})));
    set_entries(s->live, p.level, p.slot[p.level], 0, n);
    unlink_empty(s, &p, p.level, list);
    return va + n * pt_span(p.level);
}

/* Is the range one large leaf? */
static bool is_large(const struct mm_space *s, u64 va, u64 count)
{
    struct path p;

    walk(s, va, 1, &p);
    return p.value & PTE_PSE && va % pt_span(p.level) == 0 &&
           count == pt_span(p.level) >> PAGE_SHIFT;
}

/* What was unlinked is freed when no TLB knows it: hardware may walk a table until then. */
static int unmap(struct mm_space *s, u64 va, u64 count, bool and_free)
{
    const u64 end = va + count * PAGE_SIZE;
    u32 list = 0;
    int error;

    if (!is_range(s, va, count))
        return -EINVAL;
    enter(s);
    error = check_pages(s, va, count, true);
    if (error == -EINVAL && is_large(s, va, count))
        error = 0;
    for (u64 at = va; !error && at < end;)
        at = unmap_run(s, at, end, and_free, &list);
    leave(s);
    if (error)
        return error;
    mm_flush(s, va, count);
    frames_free_list(list);
    return 0;
}

int mm_unmap(struct mm_space *s, u64 va, u64 count)
{
    return unmap(s, va, count, false);
}

void mm_unmap_free(struct mm_space *s, u64 va, u64 count)
{
    unmap(s, va, count, true);
}

static int map_value(struct mm_space *s, u64 va, u64 value, u64 count)
{
    u64 done = 0;
    int error;

    enter(s);
    error = check_pages(s, va, count, false);
    while (done < count && !error) {
        const u32 n = in_table(va + done * PAGE_SIZE, count - done);

        error = map_run(s, va + done * PAGE_SIZE, 1, value + done * PAGE_SIZE, n);
        if (!error)
            done += n;
    }
    leave(s);
    if (error && done)
        mm_unmap(s, va, done);
    return error;
}

int mm_map(struct mm_space *s, u64 va, pfn_t pfn, u64 count, u32 prot)
{
    if (!is_range(s, va, count) || !frames_mappable(pfn, count))
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
        !frames_mappable(pfn, pages))
        return -EINVAL;
    enter(s);
    error = check_pages(s, va, pages, false);
    if (!error)
        error = map_run(s, va, level, pte_value(pfn, leaf_flags(s, prot) | PTE_PSE), 1);
    leave(s);
    return error;
}

/* In the largest blocks that fit and that there are. */
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

static void protect_one(struct mm_space *s, u64 *slot, u64 flags)
{
    const u64 keep = PTE_FRAME_MASK | PTE_ACCESSED | PTE_DIRTY | PTE_FOREIGN;
    const pte_t old = s->live ? pv_ptep_modify_prot_start((pte_t *)slot) : (pte_t){*slot};
    const pte_t changed = pv_make_pte((pv_pte_val(old) & keep) | flags);

    if (s->live)
        pv_ptep_modify_prot_commit((pte_t *)slot, old, changed);
    else
        *slot = changed.raw;
}

int mm_protect(struct mm_space *s, u64 va, u64 count, u32 prot)
{
    const u64 end = va + count * PAGE_SIZE;
    struct path p;
    int error;

    if (!is_range(s, va, count))
        return -EINVAL;
    enter(s);
    error = check_pages(s, va, count, true);
    for (u64 at = va; !error && at < end; at += PAGE_SIZE) {
        walk(s, at, 1, &p);
        protect_one(s, p.slot[1], leaf_flags(s, prot));
    }
    leave(s);
    if (!error)
        mm_flush(s, va, count);
    return error;
}

bool mm_query(const struct mm_space *s, u64 va, struct mm_mapping *m)
{
    struct path p;
    u64 value;

    walk(s, va, 1, &p);
    value = p.level == 1 ? entry_value(1, READ_ONCE(*p.slot[1])) : p.value;
    if (!(value & PTE_PRESENT))
        return false;
    m->value = value;
    m->level = p.level;
    m->pfn = PFN(value_pfn(value).n + ((va & (pt_span(p.level) - 1)) >> PAGE_SHIFT));
    m->prot = (value & PTE_WRITE ? MM_WRITE : 0) | (value & PTE_NX ? 0 : MM_EXEC) |
              (value & PTE_PCD ? MM_UNCACHED : 0);
    return true;
}

u64 *mm_slot(const struct mm_space *s, u64 va, int level)
{
    struct path p;

    walk(s, va, level, &p);
    return p.level == level ? p.slot[level] : NULL;
}

/* The tables below a user space's root, which is not live, and the frames that are the space's own.
 */
static void free_below(pfn_t table, int level, u32 slots)
{
    const u64 *entries = pfn_to_va(table);

    for (u32 i = 0; i < slots; i++) {
        const u64 value = entries[i] ? entry_value(level, entries[i]) : 0;
        const pfn_t pfn = value_pfn(value);

        if (!(value & PTE_PRESENT) || value & PTE_FOREIGN)
            continue;
        if (level > 1 && !(value & PTE_PSE)) {
            free_below(pfn, level - 1, PT_ENTRIES);
            frame_get(pfn)->used = 0;
            frame_free(pfn, 0);
        } else if (level == 1 && frame_get(pfn)->state == FRAME_USER) {
            frame_free(pfn, 0);
        }
    }
}

void mm_free_tables(const struct mm_space *s)
{
    free_below(s->root, PT_LEVELS, PT_USER_SLOTS);
}
