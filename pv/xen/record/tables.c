/* SPDX-License-Identifier: MIT */
/*
 * Records of a PV guest's page tables and of its frames.
 *
 * Once a frame is a page table, its entries change by hypercalls only, which are recorded. Before,
 * they are plain stores, which are not. So a table's entries are recorded when it becomes one: when
 * its root is pinned, or when an entry of the table above is to lead to it. The kernel's own tables
 * are recorded at the start, and so is the P2M, by which a reader of the recording can distinguish
 * the guest's frames from others.
 */
#include "pv/mmu_types.h"
#include "pv/xen/pv/mmu.h"
#include "pv/xen/record/layouts.h"

#define UPPER_MAX  4096
#define REQUESTS   256 /* of one mmu_update or mmuext_op that are looked at */
#define TABLES_MAX 8192
#define SEEN       8

/*
 * The tables of level 2 and up that have been recorded, each in the place that its mfn has in this
 * array; a table that another one has displaced is recorded without what is later put below it.
 * Atomic: key is stored last, and is 0 while va changes.
 */
static struct upper {
    u64 key; /* mfn << 3 | level */
    u64 va;  /* of its first entry */
} uppers[UPPER_MAX];

static void note_table(u64 mfn, int level, u64 va)
{
    struct upper *u = &uppers[mfn % UPPER_MAX];

    if (level == 1 && u->key >> 3 != mfn)
        return;
    WRITE_ONCE(u->key, 0);
    WRITE_ONCE(u->va, va);
    barrier();
    if (level > 1)
        WRITE_ONCE(u->key, mfn << 3 | (u64)level);
}

static u64 canonical(u64 va)
{
    return va >= USER_END ? va | ~(USER_END - 1) : va;
}

/* Record one table. pinned: it is pinned already, without a call in the recording. */
static void record_table(const u64 *entries, u64 mfn, int level, u64 va, bool pinned)
{
    struct record_pieces pieces = {0};
    struct record_slot slot;

    record_add_piece(&pieces, &(struct record_piece){(u64)entries, PAGE_SIZE, 0, 0, 0});
    if (record_open(&slot, RECORD_TABLE, (u32)level, 3 * sizeof(u64) + pieces.bytes)) {
        slot.words[0] = mfn;
        slot.words[1] = va;
        slot.words[2] = pinned;
        record_write_pieces(slot.words + 3, &pieces);
    }
    record_close(&slot);
}

/* A walk over the tables of one call. */
struct walk {
    u32 left;       /* tables at most: what is pinned may be anything */
    bool whole;     /* also the kernel's half of a root, which all roots share */
    u32 nr_seen;    /* tables of level 3 that have been walked: the kernel's root of a process */
    u64 seen[SEEN]; /* and its user root, which are pinned together, share them */
};

static bool was_seen(struct walk *walk, u64 mfn, int level)
{
    if (level != PT_LEVELS - 1)
        return false;
    for (u32 i = 0; i < walk->nr_seen; i++)
        if (walk->seen[i] == mfn)
            return true;
    if (walk->nr_seen < SEEN)
        walk->seen[walk->nr_seen++] = mfn;
    return false;
}

static bool is_walked(int level, u32 index, bool whole)
{
    const u32 xen_first = pt_index(HYPERVISOR_VIRT_START, PT_LEVELS);
    const u32 kernel_first = pt_index(DIRECT_MAP_BASE, PT_LEVELS);

    if (level < PT_LEVELS || index < PT_USER_SLOTS)
        return true;
    return whole && (index < xen_first || index >= kernel_first);
}

/* Record a table and those below it, which come first. va: what its first entry maps. */
static void record_tree(struct walk *walk, u64 mfn, int level, u64 va)
{
    const pfn_t pfn = xen_pv_mfn_to_pfn(MFN(mfn));
    const u64 *entries = pfn_to_va(pfn);

    if (pfn.n == PFN_INVALID.n || !walk->left || was_seen(walk, mfn, level))
        return;
    walk->left--;
    for (u32 i = 0; i < PT_ENTRIES && level > 1; i++) {
        u64 raw = 0;

        if (is_walked(level, i, walk->whole) && !record_copy(&raw, &entries[i], sizeof(raw)) &&
            (raw & (PTE_PRESENT | PTE_PSE)) == PTE_PRESENT)
            record_tree(walk, value_pfn(raw).n, level - 1, canonical(va + i * pt_span(level)));
    }
    record_table(entries, mfn, level, va, level == PT_LEVELS && walk->whole);
    note_table(mfn, level, va);
}

static void record_frames(u64 pfn, u64 count)
{
    struct record_slot slot;

    if (xen_pv_p2m[pfn] != INVALID_P2M_ENTRY &&
        record_open(&slot, RECORD_FRAMES, 0, 3 * sizeof(u64))) {
        slot.words[0] = pfn;
        slot.words[1] = xen_pv_p2m[pfn];
        slot.words[2] = count;
        record_close(&slot);
    }
}

/* Record the P2M: of contiguous frames the first, and how many they are. */
static void record_p2m(void)
{
    u64 first = 0;

    for (u64 pfn = 1; pfn < xen_pv_nr_pages; pfn++) {
        if (xen_pv_p2m[pfn] == xen_pv_p2m[pfn - 1] + 1)
            continue;
        record_frames(first, pfn - first);
        first = pfn;
    }
    record_frames(first, xen_pv_nr_pages - first);
}

void record_tables_start(void)
{
    struct walk walk = {.left = TABLES_MAX, .whole = true};

    if (!xen_pv_p2m)
        return;
    record_p2m();
    record_tree(&walk, xen_pv_p2m[xen_pv_kernel_root.n], PT_LEVELS, 0);
}

static void before_pin(struct walk *walk, const struct mmuext_op *op)
{
    if (op->cmd <= MMUEXT_PIN_L4_TABLE)
        record_tree(walk, op->arg1.mfn, (int)(op->cmd - MMUEXT_PIN_L1_TABLE) + 1, 0);
}

static void before_update(struct walk *walk, const struct mmu_update *update)
{
    const struct upper *u = &uppers[(update->ptr >> PAGE_SHIFT) % UPPER_MAX];
    const u32 index = (u32)(update->ptr % PAGE_SIZE / sizeof(u64));
    const u64 key = READ_ONCE(u->key);
    const int level = (int)(key & 7);

    if (key >> 3 == update->ptr >> PAGE_SHIFT && level > 1 && update->val & PTE_PRESENT &&
        (update->ptr & 3) != MMU_MACHPHYS_UPDATE)
        record_tree(walk, value_pfn(update->val).n, level - 1,
                    canonical(u->va + index * pt_span(level)));
}

void record_tables_before(u32 number, const u64 args[6])
{
    const u64 count = MIN((u64)(u32)args[1], (u64)REQUESTS);
    struct walk walk = {.left = TABLES_MAX};
    struct mmu_update update;
    struct mmuext_op op;

    if (!xen_pv_p2m)
        return;
    for (u64 i = 0; i < count && number == __HYPERVISOR_mmu_update; i++)
        if (!record_copy(&update, (const struct mmu_update *)args[0] + i, sizeof(update)))
            before_update(&walk, &update);
    for (u64 i = 0; i < count && number == __HYPERVISOR_mmuext_op; i++)
        if (!record_copy(&op, (const struct mmuext_op *)args[0] + i, sizeof(op)))
            before_pin(&walk, &op);
}
