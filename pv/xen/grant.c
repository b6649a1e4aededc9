/* SPDX-License-Identifier: MIT */
/*
 * Grants: memory that one domain lets another use.
 *
 * Each domain has a grant table, an array of entries in frames that Xen owns and maps into the
 * domain. The domain writes entries itself; Xen reads them when another domain asks for a frame by
 * (domain, reference), a reference being the index of an entry:
 *
 *   this domain                     Xen                         the other domain
 *   entry 9: frame 0x1234,
 *     domain 0, permit_access
 *   sends "9" by its protocol  ->                          ->   map (domain 7, reference 9)
 *                                   checks entry 9 of
 *                                   domain 7; sets "reading"
 *                                   and "writing" in it
 *                                                               uses the frame
 *                                   clears both            <-   unmap
 *   clears the entry
 *
 * An entry of version 1 (struct grant_entry_v1) has 8 bytes: 16 flags, the domain, and the frame as
 * Xen counts it (a gfn: an mfn on PV). Xen and this kernel change the flags concurrently. So the
 * flags are written last when a grant begins, and at the end of a grant they are replaced by 0 only
 * if they still have the value that was read, without "reading" and "writing": either the other
 * domain's map came first, and the end is refused, or the end came first, and the map is.
 *
 * The table begins empty and grows by a frame when no entry is free, until Xen refuses or it has
 * XEN_GRANT_FRAMES_MAX frames. It never shrinks. A bit for each entry records whether it is in use,
 * because an entry whose flags are 0 may have been handed out a moment ago. The first 8 entries are
 * the toolstack's: by them it grants the rings of the console and of xenstore.
 *
 * On the other side, a mapping is made where no memory is: in the direct map's entry of a frame
 * that was given back to Xen. On PV Xen writes the page-table entry itself, which is not
 * executable; on PVH it puts the other domain's frame at the guest's frame number. The P2M of a PV
 * guest does not change: the frame still has no memory of its own.
 */
#include "lib/string.h"
#include "pv/spinlock.h"
#include "pv/xen/grant.h"
#include "pv/xen/hypercall.h"

enum {
    PER_FRAME = PAGE_SIZE / sizeof(grant_entry_v1_t),
    WORD_BITS = 64,
    ENTRIES_MAX = XEN_GRANT_FRAMES_MAX * PER_FRAME,
    COPY_BATCH = 8, /* segments a hypercall, as many as fit on the stack */
};

/* Atomic: entries are shared with Xen, as the head of this file explains. */
static grant_entry_v1_t grant_table[ENTRIES_MAX] __aligned(PAGE_SIZE);

/* Guarded by: grant_lock; suspend and resume run on the only CPU that is up. */
static struct spinlock grant_lock = SPINLOCK("grants");
static struct {
    u32 nr_frames; /* that are mapped */
    u32 hint;      /* the word of in_use to begin a search with */
    u64 in_use[ENTRIES_MAX / WORD_BITS];
} table;

/* ---- The table ------------------------------------------------------------------------------ */

/* Have Xen enlarge the table to count frames. Return 0, -ENOSPC, or -ENODEV. */
static int table_ask(u32 count, xen_pfn_t *frames)
{
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = count};

    set_xen_guest_handle_raw(setup.frame_list, frames);
    if (xen_grant_table_op(GNTTABOP_setup_table, &setup, 1))
        return -ENODEV;
    return setup.status == GNTST_okay ? 0 : -ENOSPC;
}

/*
 * Select version 1, in case a kernel that ran in this domain before left version 2. An error is
 * ignored, because a Xen that has version 1 only may return one.
 */
static void table_select_version(void)
{
    struct gnttab_set_version version = {.version = 1};

    xen_grant_table_op(GNTTABOP_set_version, &version, 1);
}

/* Map one more frame of the table. Return 0, -ENOSPC, or -ENODEV. The lock is held. */
static int table_grow(void)
{
    const u32 count = table.nr_frames + 1;
    xen_pfn_t frames[XEN_GRANT_FRAMES_MAX];
    int error;

    if (count > XEN_GRANT_FRAMES_MAX)
        return -ENOSPC;
    if (count == 1)
        table_select_version();
    error = table_ask(count, frames);
    if (error)
        return error;
    if (!xen_variant->map_grant_frame(count - 1, frames[count - 1],
                                      &grant_table[(count - 1) * PER_FRAME]))
        return -ENOSPC;
    if (count == 1)
        table.in_use[0] |= (1ull << GNTTAB_NR_RESERVED_ENTRIES) - 1;
    table.nr_frames = count;
    return 0;
}

/* Return a free entry and record that it is in use, or ENTRIES_MAX. The lock is held. */
static u32 entry_find(void)
{
    const u32 words = table.nr_frames * PER_FRAME / WORD_BITS;

    for (u32 i = 0; i < words; i++) {
        const u32 word = (table.hint + i) % words;

        if (~table.in_use[word]) {
            const u32 bit = (u32)__builtin_ctzll(~table.in_use[word]);

            table.hint = word;
            table.in_use[word] |= 1ull << bit;
            return word * WORD_BITS + bit;
        }
    }
    return ENTRIES_MAX;
}

/* Return a free entry, now in use, or an error. The lock is held. */
static int entry_take(void)
{
    u32 ref = entry_find();
    int error;

    if (ref < ENTRIES_MAX)
        return (int)ref;
    error = table_grow();
    return error ? error : (int)entry_find();
}

static bool entry_is_used(u32 ref)
{
    return ref >= GNTTAB_NR_RESERVED_ENTRIES && ref < table.nr_frames * PER_FRAME &&
           table.in_use[ref / WORD_BITS] >> ref % WORD_BITS & 1;
}

int xen_grant_access(u32 domain, pfn_t pfn, enum pv_grant_kind kind)
{
    const int id = xen_domain_id(domain);
    const u64 gfn = pv_pfn_to_mfn(pfn).n;
    u64 flags;
    int ref;

    if (kind == PV_GRANT_TRANSFER)
        return -EOPNOTSUPP;
    if (id < 0 || gfn > ~0u || kind > PV_GRANT_TRANSFER)
        return -EINVAL;
    flags = spin_lock_irqsave(&grant_lock);
    ref = entry_take();
    if (ref >= 0) {
        grant_entry_v1_t *entry = &grant_table[ref];

        entry->frame = (u32)gfn;
        entry->domid = (domid_t)id;
        __atomic_store_n(&entry->flags,
                         GTF_permit_access | (kind == PV_GRANT_READ ? GTF_readonly : 0),
                         __ATOMIC_RELEASE);
    }
    spin_unlock_irqrestore(&grant_lock, flags);
    return ref;
}

/* Clear the entry unless the other domain uses it. The exchange fails if Xen changes a flag. */
static int entry_clear(grant_entry_v1_t *entry)
{
    u16 flags = READ_ONCE(entry->flags);

    do {
        if (flags & (GTF_reading | GTF_writing))
            return -EBUSY;
    } while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    return 0;
}

int xen_grant_end(u32 ref)
{
    const u64 flags = spin_lock_irqsave(&grant_lock);
    int error = entry_is_used(ref) ? entry_clear(&grant_table[ref]) : -EINVAL;

    if (!error) {
        table.in_use[ref / WORD_BITS] &= ~(1ull << ref % WORD_BITS);
        table.hint = ref / WORD_BITS;
    }
    spin_unlock_irqrestore(&grant_lock, flags);
    return error;
}

void xen_grant_suspend(void)
{
    for (u32 i = 0; i < table.nr_frames; i++)
        xen_variant->unmap_grant_frame(&grant_table[i * PER_FRAME]);
}

/* After a cancelled suspend Xen has the same frames as before, and refuses none of them. */
static void table_map_again(void)
{
    xen_pfn_t frames[XEN_GRANT_FRAMES_MAX];

    if (!table.nr_frames)
        return;
    if (table_ask(table.nr_frames, frames))
        pv_panic("suspend", "Xen does not return this domain's grant table");
    for (u32 i = 0; i < table.nr_frames; i++)
        if (!xen_variant->map_grant_frame(i, frames[i], &grant_table[i * PER_FRAME]))
            pv_panic("suspend", "Xen refuses to map frame %u of the grant table", i);
}

void xen_grant_resume(bool cancelled)
{
    if (cancelled) {
        table_map_again();
        return;
    }
    memset(&table, 0, sizeof(table));
    xen_domain_id_forget();
}

/* ---- What other domains granted ------------------------------------------------------------- */

/* Return the error for a status of Xen's (xen/grant_table.h). */
static int grant_error(int16_t status)
{
    switch (status) {
    case GNTST_okay:
        return 0;
    case GNTST_general_error: /* for instance the entry does not name this domain */
    case GNTST_permission_denied:
        return -EPERM;
    case GNTST_no_device_space:
    case GNTST_no_space:
        return -ENOSPC;
    case GNTST_eagain:
        return -EBUSY;
    default:
        return -EINVAL;
    }
}

int xen_grant_map(const struct pv_grant_map *map)
{
    const int id = xen_domain_id(map->domain);
    struct gnttab_map_grant_ref op = {
        .host_addr = xen_variant->grant_host_addr(map->pfn),
        .flags = GNTMAP_host_map | (map->readonly ? GNTMAP_readonly : 0),
        .ref = map->ref,
        .dom = (domid_t)id,
    };

    if (id < 0 || !op.host_addr)
        return -EINVAL;
    if (xen_grant_table_op(GNTTABOP_map_grant_ref, &op, 1))
        return -ENODEV;
    return op.status == GNTST_okay ? (int)op.handle : grant_error(op.status);
}

/*
 * Xen compares the address with the handle's mapping. It does nothing, and reports success, for
 * address 0, which grant_host_addr never returns for a frame.
 */
int xen_grant_unmap(u32 handle, pfn_t pfn)
{
    struct gnttab_unmap_grant_ref op = {
        .host_addr = xen_variant->grant_host_addr(pfn),
        .handle = handle,
    };

    if (!op.host_addr)
        return -EINVAL;
    if (xen_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1))
        return -ENODEV;
    return op.status == GNTST_okay ? 0 : -EINVAL;
}

/* Write one end of a copy as Xen takes it. Return false if a number does not fit. */
static bool copy_place(const struct pv_grant_place *place, struct gnttab_copy_ptr *ptr)
{
    const u64 gfn = pv_pfn_to_mfn(place->pfn).n;
    const int id = xen_domain_id(place->domain);

    ptr->offset = (u16)place->offset;
    if (place->is_grant) {
        ptr->domid = (domid_t)id;
        ptr->u.ref = place->ref;
        return id >= 0 && place->offset < PAGE_SIZE;
    }
    ptr->domid = DOMID_SELF;
    ptr->u.gmfn = gfn;
    return gfn != MFN_INVALID.n && place->offset < PAGE_SIZE;
}

/*
 * Fill op for one segment. A segment whose numbers do not fit is not passed to Xen: op then copies
 * no bytes, and the status is set here.
 */
static bool copy_prepare(struct pv_grant_copy *segment, struct gnttab_copy *op)
{
    *op = (struct gnttab_copy){
        .len = (u16)segment->len,
        .flags = (segment->from.is_grant ? GNTCOPY_source_gref : 0) |
                 (segment->to.is_grant ? GNTCOPY_dest_gref : 0),
    };
    segment->status = copy_place(&segment->from, &op->source) &&
                              copy_place(&segment->to, &op->dest) && segment->len <= PAGE_SIZE
                          ? 0
                          : -EINVAL;
    return !segment->status;
}

/* Copy up to COPY_BATCH segments by one hypercall. Return how many were copied, or -ENODEV. */
static int copy_batch(struct pv_grant_copy *segments, u32 count)
{
    struct pv_grant_copy *passed[COPY_BATCH];
    struct gnttab_copy ops[COPY_BATCH];
    u32 nr = 0;
    int done = 0;

    for (u32 i = 0; i < count; i++)
        if (copy_prepare(&segments[i], &ops[nr]))
            passed[nr++] = &segments[i];
    if (nr && xen_grant_table_op(GNTTABOP_copy, ops, nr))
        return -ENODEV;
    for (u32 i = 0; i < nr; i++) {
        passed[i]->status = grant_error(ops[i].status);
        done += !passed[i]->status;
    }
    return done;
}

int xen_grant_copy(struct pv_grant_copy *segments, u32 count)
{
    int done = 0, batch = 0;

    for (u32 i = 0; i < count && batch >= 0; i += COPY_BATCH) {
        batch = copy_batch(&segments[i], MIN(count - i, COPY_BATCH));
        done += batch;
    }
    return batch < 0 ? batch : done;
}

const struct pv_domain_ops xen_domain_ops = {
    .xenstore_bind = xen_xenstore_bind,
    .grant_access = xen_grant_access,
    .grant_end = xen_grant_end,
    .grant_map = xen_grant_map,
    .grant_unmap = xen_grant_unmap,
    .grant_copy = xen_grant_copy,
    .evtchn_alloc = xen_evtchn_alloc,
    .evtchn_bind = xen_evtchn_bind,
    .evtchn_port = xen_evtchn_port,
    .evtchn_notify = xen_evtchn_notify,
};
