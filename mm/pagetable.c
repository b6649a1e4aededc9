/*
 * The walker and the mapper (mm/space.h): four levels of tables, written through the direct map by
 * the ops of class 3 if the space is live, by plain stores before that. Invariants: struct frame's
 * used counts the entries in use of every table that can be freed; a table with none is freed; a
 * new table is filled before it is linked, so that announcing it is one step.
 */
#include "mm/pagetable.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/space.h"

/* The way to an address: the slots and tables from the root down to where the walk ended. */
struct path {
    u64 *slot[PT_LEVELS + 1];
    pfn_t table[PT_LEVELS + 1];
    int level; /* where it ended */
    u64 value; /* of the slot there; 0 at the wanted level, which is not read */
};

static void walk(const struct mm_space *s, u64 va, int wanted, struct path *p)
{
    pfn_t table = s->root;

    for (int level = PT_LEVELS;; level--) {
        p->level = level;
        p->table[level] = table;
        p->slot[level] = (u64 *)pfn_to_va(table) + pt_index(va, level);
        p->value = 0;
        if (level == wanted)
            return;
        p->value = entry_value(level, READ_ONCE(*p->slot[level]));
        if (!(p->value & PTE_PRESENT) || p->value & PTE_LARGE)
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

/* The same; what was delayed is first made true if the walk did not get as far as wanted. */
static void walk_fresh(const struct mm_space *s, u64 va, int wanted, struct path *p)
{
    walk(s, va, wanted, p);
    if (p->level == wanted || !s->live)
        return;
    pv_lazy_flush();
    walk(s, va, wanted, p);
}

/* How many of count pages from va on are mapped by one table of level 1. */
static u32 in_table(u64 va, u64 count)
{
    return (u32)MIN(count, PT_ENTRIES - pt_index(va, 1));
}

static int check_range(const struct mm_space *s, u64 va, u64 count)
{
    if (va % PAGE_SIZE || va < s->low || va >= s->high || !count ||
        count > (s->high - va) >> PAGE_SHIFT)
        return -EINVAL;
    return 0;
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

/* Are these pages all absent (wanted: all present, in 4 KiB pages)? */
static bool range_is(const struct mm_space *s, u64 va, u64 count, bool wanted)
{
    while (count) {
        const u32 n = in_table(va, count);
        struct path p;
        bool ok;

        walk(s, va, 1, &p);
        if (p.level == 1)
            ok = wanted ? all_present(p.slot[1], n) : all_zero(p.slot[1], n);
        else
            ok = !wanted && !(p.value & PTE_PRESENT);
        if (!ok)
            return false;
        va += n * PAGE_SIZE;
        count -= n;
    }
    return true;
}

static pfn_t new_table(struct mm_space *s)
{
    const pfn_t pfn = frame_alloc(0, FRAME_ZEROED, FRAME_TABLE);

    if (pfn.n != PFN_INVALID.n)
        __atomic_fetch_add(&s->nr_tables, 1, __ATOMIC_RELAXED);
    return pfn;
}

static void free_table(struct mm_space *s, pfn_t table)
{
    __atomic_fetch_sub(&s->nr_tables, 1, __ATOMIC_RELAXED);
    frame_get(table)->used = 0;
    frame_free(table, 0);
}

static void count_used(pfn_t table, int change)
{
    struct frame *frame = frame_get(table);

    if (frame->used != FRAME_PERMANENT)
        frame->used = (u16)(frame->used + change);
}

/*
 * Completes p, which ended early, down to level: new[level] is the lowest of the new tables. They
 * are not linked into the space yet: link_tables does, when the caller has filled it.
 */
static int add_tables(struct mm_space *s, struct path *p, u64 va, int level)
{
    int top = p->level;

    for (int l = top - 1; l >= level; l--) {
        p->table[l] = new_table(s);
        if (p->table[l].n == PFN_INVALID.n) {
            while (++l < top)
                free_table(s, p->table[l]);
            return -ENOMEM;
        }
        p->slot[l] = (u64 *)pfn_to_va(p->table[l]) + pt_index(va, l);
    }
    for (int l = level + 1; l < top; l++) {
        *p->slot[l] = entry_raw(l, pte_value(p->table[l - 1], TABLE_FLAGS | (s->flags & PTE_USER)));
        count_used(p->table[l], 1);
    }
    return 0;
}

/* Links what add_tables made between level and p->level, deepest first. */
static void link_tables(struct mm_space *s, struct path *p, int level)
{
    const u64 value = pte_value(p->table[p->level - 1], TABLE_FLAGS | (s->flags & PTE_USER));

    count_used(p->table[p->level], 1);
    if (!s->live) {
        *p->slot[p->level] = entry_raw(p->level, value);
        return;
    }
    for (int l = level; l < p->level; l++)
        pv_announce_table(p->table[l], l);
    entry_set(p->level, p->slot[p->level], entry_raw(p->level, value));
}

/* Maps n pages that one table of level 1 holds, absent so far. */
static int map_run(struct mm_space *s, u64 va, u64 value, u32 n)
{
    struct path p;
    int error;

    walk_fresh(s, va, 1, &p);
    if (p.level == 1) {
        if (s->live)
            pv_set_ptes((pte_t *)p.slot[1], value, n);
        else
            pv_init_ptes((pte_t *)p.slot[1], value, n);
    } else {
        error = add_tables(s, &p, va, 1);
        if (error)
            return error;
        pv_init_ptes((pte_t *)p.slot[1], value, n);
        link_tables(s, &p, 1);
    }
    count_used(p.table[1], (int)n);
    return 0;
}

/* frames: which they are; without, they are in a row from value's on. */
static int map_value(struct mm_space *s, u64 va, u64 value, const pfn_t *frames, u64 count)
{
    int error = 0;
    u64 done = 0;

    enter(s);
    if (!range_is(s, va, count, false))
        error = -EEXIST;
    while (done < count && !error) {
        const u32 n = frames ? 1 : in_table(va + done * PAGE_SIZE, count - done);
        const u64 first = frames ? frames[done].n << PAGE_SHIFT : done * PAGE_SIZE;

        error = map_run(s, va + done * PAGE_SIZE, value + first, n);
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
    if (check_range(s, va, count) || !frames_mappable(pfn, count))
        return -EINVAL;
    return map_value(s, va, pte_value(pfn, leaf_flags(s, prot)), NULL, count);
}

int mm_map_frames(struct mm_space *s, u64 va, const pfn_t *frames, u64 count, u32 prot)
{
    if (check_range(s, va, count))
        return -EINVAL;
    for (u64 i = 0; i < count; i++)
        if (!frames_mappable(frames[i], 1))
            return -EINVAL;
    return map_value(s, va, leaf_flags(s, prot), frames, count);
}

int mm_map_device(struct mm_space *s, u64 va, u64 pa, u64 count)
{
    const u64 flags = leaf_flags(s, MM_WRITE | MM_UNCACHED) | PTE_FOREIGN;

    if (check_range(s, va, count) || pa % PAGE_SIZE || pa > BOOT_PA_MAX ||
        count > (BOOT_PA_MAX - pa) >> PAGE_SHIFT)
        return -EINVAL;
    return map_value(s, va, pa | flags, NULL, count);
}

/* The leaf, and the tables that it wants. */
static int map_leaf(struct mm_space *s, u64 va, u64 value, int level)
{
    struct path p;

    walk_fresh(s, va, level, &p);
    if (p.value & PTE_PRESENT || (p.level == level && READ_ONCE(*p.slot[level])))
        return -EEXIST;
    if (p.level > level && add_tables(s, &p, va, level))
        return -ENOMEM;
    if (p.level == level && s->live)
        entry_set(level, p.slot[level], entry_raw(level, value));
    else
        *p.slot[level] = entry_raw(level, value);
    count_used(p.table[level], 1);
    if (p.level > level)
        link_tables(s, &p, level);
    return 0;
}

int mm_map_large(struct mm_space *s, u64 va, pfn_t pfn, int level, u32 prot)
{
    const u64 pages = pt_span(level) >> PAGE_SHIFT;
    int error;

    if (level < 2 || !(mm_traits.leaf_levels >> level & 1))
        return -EOPNOTSUPP;
    if (check_range(s, va, pages) || va % pt_span(level) || pfn.n % pages ||
        !frames_mappable(pfn, pages))
        return -EINVAL;
    enter(s);
    error = map_leaf(s, va, pte_value(pfn, leaf_flags(s, prot) | PTE_LARGE), level);
    leave(s);
    return error;
}

/* Unlinks the tables on the path that are empty now, from level up, and strings them on *doomed. */
static void unlink_empty(struct mm_space *s, struct path *p, int level, u32 *doomed)
{
    for (; level < PT_LEVELS && !frame_get(p->table[level])->used; level++) {
        if (s->live) {
            entry_set(level + 1, p->slot[level + 1], 0);
            pv_release_table(p->table[level], level);
        } else {
            *p->slot[level + 1] = 0;
        }
        count_used(p->table[level + 1], -1);
        frame_get(p->table[level])->next = *doomed;
        *doomed = (u32)p->table[level].n;
    }
}

/* The hardware may walk a table until the flush that follows its unlinking. */
static void free_doomed(struct mm_space *s, u32 doomed)
{
    while (doomed) {
        const pfn_t table = PFN(doomed);

        doomed = frame_get(table)->next;
        free_table(s, table);
    }
}

static void clear_run(struct mm_space *s, u64 va, u32 n, u32 *doomed)
{
    struct path p;

    walk_fresh(s, va, 1, &p);
    if (s->live)
        pv_clear_ptes((pte_t *)p.slot[1], n);
    else
        memset(p.slot[1], 0, n * sizeof(u64));
    count_used(p.table[1], -(int)n);
    unlink_empty(s, &p, 1, doomed);
}

/* A large leaf, if the range is exactly that. */
static bool unmap_large(struct mm_space *s, u64 va, u64 count, u32 *doomed)
{
    struct path p;

    walk_fresh(s, va, 1, &p);
    if (!(p.value & PTE_LARGE) || va % pt_span(p.level) || count != pt_span(p.level) >> PAGE_SHIFT)
        return false;
    if (s->live)
        entry_set(p.level, p.slot[p.level], 0);
    else
        *p.slot[p.level] = 0;
    count_used(p.table[p.level], -1);
    unlink_empty(s, &p, p.level, doomed);
    return true;
}

/* Why a range is not all 4 KiB pages: a large page in it, or nothing. */
static int why_not_all(const struct mm_space *s, u64 va, u64 count)
{
    struct mm_mapping m;

    for (u64 i = 0; i < count; i++)
        if (!mm_query(s, va + i * PAGE_SIZE, &m))
            return -ENOENT;
    return -EINVAL;
}

static int unmap(struct mm_space *s, u64 va, u64 count, u32 *doomed)
{
    if (unmap_large(s, va, count, doomed))
        return 0;
    if (!range_is(s, va, count, true))
        return why_not_all(s, va, count);
    for (u64 done = 0; done < count;) {
        const u32 n = in_table(va + done * PAGE_SIZE, count - done);

        clear_run(s, va + done * PAGE_SIZE, n, doomed);
        done += n;
    }
    return 0;
}

int mm_unmap(struct mm_space *s, u64 va, u64 count)
{
    u32 doomed = 0;
    int error;

    if (check_range(s, va, count))
        return -EINVAL;
    enter(s);
    error = unmap(s, va, count, &doomed);
    leave(s);
    if (error)
        return error;
    mm_flush(s, va, count);
    free_doomed(s, doomed);
    return 0;
}

static void protect_one(struct mm_space *s, u64 *slot, u64 flags)
{
    const u64 keep = PTE_FRAME_MASK | PTE_ACCESSED | PTE_DIRTY | PTE_LARGE | PTE_FOREIGN;
    pte_t old = {*slot};

    if (s->live)
        old = pv_protect_start((pte_t *)slot);
    old = (pte_t){old.raw};
    const pte_t changed = pv_make_pte((pv_pte_val(old) & keep) | flags);

    if (s->live)
        pv_protect_commit((pte_t *)slot, old, changed);
    else
        *slot = changed.raw;
}

int mm_protect(struct mm_space *s, u64 va, u64 count, u32 prot)
{
    int error = 0;
    struct path p;

    if (check_range(s, va, count))
        return -EINVAL;
    enter(s);
    if (!range_is(s, va, count, true))
        error = why_not_all(s, va, count);
    for (u64 i = 0; !error && i < count; i++) {
        walk(s, va + i * PAGE_SIZE, 1, &p);
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
static void free_below(struct mm_space *s, pfn_t table, int level, u32 slots)
{
    const u64 *entries = pfn_to_va(table);

    for (u32 i = 0; i < slots; i++) {
        const u64 value = entries[i] ? entry_value(level, entries[i]) : 0;
        const pfn_t pfn = value_pfn(value);

        if (!(value & PTE_PRESENT) || value & PTE_FOREIGN)
            continue;
        if (level > 1 && !(value & PTE_LARGE)) {
            free_below(s, pfn, level - 1, PT_ENTRIES);
            free_table(s, pfn);
        } else if (level == 1 && frame_get(pfn)->state == FRAME_USER) {
            frame_free(pfn, 0);
        }
    }
}

void mm_free_tables(struct mm_space *s)
{
    free_below(s, s->root, PT_LEVELS, PT_USER_SLOTS);
}
