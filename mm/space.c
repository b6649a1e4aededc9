/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: which tables a CPU uses, who flushes its TLB, and what a page fault maps.
 *
 * One root for each space. The upper half of every root holds the same entries, the kernel's; they
 * are copied when a space is created and never change, because the tables that they lead to are
 * shared. The kernel therefore runs on any space's tables. A thread of the kernel has mm_kernel,
 * whose lower half is empty.
 *
 * A space's life:
 *
 *   mm_space_create    a root in plain memory; mm_map and the like write it by plain stores
 *   mm_space_activate  pins the root, once: the backend announces all its tables in one step, and
 *                      entries change by ops from now on (live)
 *   mm_space_switch    the scheduler writes the root for the thread that it switches to
 *   mm_space_destroy   only when no thread has the space: unpins the root, frees tables and frames
 *
 * A suspend. A restored machine may have other machine frames, and a toolstack translates the
 * entries of announced tables only. So spaces that are not live are in the list plain, and a
 * suspend announces them for its duration. Each of them is whole whenever its lock is free, while
 * mm_space_destroy frees its tables, too; and no entry is kept across a preemption.
 *
 * Who may run on which tables. Spaces follow threads: a thread begins in the kernel's space and
 * changes its own by mm_space_activate. users counts the threads of a space. The count is raised
 * before the root is written and lowered after the next root is, so a space with users == 0 is on
 * no CPU.
 *
 * Flushing. A CPU's TLB may hold translations of its current space, because writing the root drops
 * those of the one before, and of the kernel always. mm_flush flushes
 *
 *   for a user space   the CPUs whose current[] is the space: mm_space_switch sets current before
 *                      it writes the root, so a CPU that is missed loads the root after the change
 *   for the kernel     the CPUs in cpus, which mm_cpu_enter and mm_cpu_leave maintain
 *
 * and returns when all have done so. The frames that were mapped may be freed only then. A CPU that
 * leaves first makes sure that no mm_flush which has read cpus with its bit still waits for it
 * (flushers).
 */
#include "mm/space.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"

enum {
    FAULT_PRESENT = 1 << 0, /* page fault error code, Intel SDM vol. 3, section 4.7 */
    FAULT_WRITE = 1 << 1,
    FAULT_EXEC = 1 << 4,
};

/* user.S: copy, and return how many bytes could not be copied. */
u64 user_copy(void *to, const void *from, u64 count);

struct mm_space mm_kernel; /* Guarded by: its lock (mm/space.h) */

/*
 * Atomic: each word changes by one atomic store or addition, and mm_flush reads flushers' effect
 * before the others. An element of current is changed by its CPU only, with interrupts disabled.
 */
static struct mm_space *current[PV_CPUS_MAX]; /* by CPU; NULL: the kernel's */
static u64 cpus;                              /* set of the CPUs that take part in flushes */
static u32 flushers;                          /* CPUs between reading cpus and the last answer */

/* Guarded by: itself. */
static struct spinlock plain_lock = SPINLOCK("plain spaces");
static struct mm_space *plain; /* Guarded by: plain_lock */

static void plain_add(struct mm_space *s)
{
    spin_lock(&plain_lock);
    s->next_plain = plain;
    s->plain_link = &plain;
    if (plain)
        plain->plain_link = &s->next_plain;
    plain = s;
    spin_unlock(&plain_lock);
}

static void plain_remove(struct mm_space *s)
{
    spin_lock(&plain_lock);
    *s->plain_link = s->next_plain;
    if (s->next_plain)
        s->next_plain->plain_link = s->plain_link;
    spin_unlock(&plain_lock);
}

static void plain_release(const struct mm_space *end)
{
    for (struct mm_space *s = plain; s != end; s = s->next_plain)
        pv_unpin_root(s->root);
}

int mm_suspend_begin(void)
{
    for (struct mm_space *s = plain; s; s = s->next_plain) {
        if (!pv_pin_root(s->root))
            continue;
        plain_release(s);
        return -EINVAL;
    }
    return 0;
}

void mm_suspend_end(void)
{
    plain_release(NULL);
}

void mm_kernel_init(pfn_t root)
{
    cpus = 1;
    mm_kernel.lock.name = "kernel space";
    mm_kernel.root = root;
    mm_kernel.live = true;
    mm_kernel.low = VMAP_BASE;
    mm_kernel.high = VMAP_END;
    mm_kernel.flags = PTE_GLOBAL;
}

/* Return the space that this CPU uses. Context: interrupts disabled. */
static struct mm_space *current_here(void)
{
    struct mm_space *s = current[pv_this_cpu()];

    return s ? s : &mm_kernel;
}

struct mm_space *mm_space_current(void)
{
    const u64 flags = pv_irq_save();
    struct mm_space *s = current_here();

    pv_restore_fl(flags);
    return s;
}

void mm_cpu_enter(void)
{
    __atomic_fetch_or(&cpus, 1ull << pv_this_cpu(), __ATOMIC_SEQ_CST);
    pv_flush_tlb_kernel();
}

/*
 * Leave the set, then test for flushers that may have read it before: with interrupts enabled this
 * CPU answers them, and tries again.
 */
void mm_cpu_leave(void)
{
    const u64 me = 1ull << pv_this_cpu();

    for (;;) {
        pv_irq_disable();
        __atomic_fetch_and(&cpus, ~me, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&flushers, __ATOMIC_SEQ_CST))
            return;
        mm_cpu_enter();
        pv_irq_enable();
        __builtin_ia32_pause();
    }
}

/* Return the set of CPUs whose TLB may hold translations of this space. */
static u64 users_of(const struct mm_space *s)
{
    u64 set = 0;

    if (s == &mm_kernel)
        return __atomic_load_n(&cpus, __ATOMIC_SEQ_CST);
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        set |= (u64)(__atomic_load_n(&current[cpu], __ATOMIC_SEQ_CST) == s) << cpu;
    return set;
}

/* Flush this CPU's TLB: a few pages one by one, more of them by flushing everything. */
static void flush_here(const struct mm_space *s, u64 va, u64 count)
{
    if (count <= 16)
        for (u64 i = 0; i < count; i++)
            pv_flush_tlb_one(va + i * PAGE_SIZE);
    else if (s == &mm_kernel)
        pv_flush_tlb_kernel();
    else
        pv_flush_tlb_user();
}

/* The last pv_lazy_flush: a backend may have queued the flushes in a caller's lazy section. */
void mm_flush(const struct mm_space *s, u64 va, u64 count)
{
    const u64 flags = pv_irq_save(), me = 1ull << pv_this_cpu();
    u64 set;

    __atomic_fetch_add(&flushers, 1, __ATOMIC_SEQ_CST);
    set = users_of(s);
    if (set & me)
        flush_here(s, va, count);
    if (set & ~me && pv_flush_tlb_others(set, count == 1 ? va : ~0ull))
        pv_panic("flush_tlb_others", "a CPU of the set %#llx went offline without mm_cpu_leave",
                 (unsigned long long)set);
    __atomic_fetch_sub(&flushers, 1, __ATOMIC_SEQ_CST);
    pv_lazy_flush();
    pv_restore_fl(flags);
}

/* Copy the upper half's entries from the slot of the direct map on: those below are Xen's. */
int mm_space_create(struct mm_space *s)
{
    const u32 order = mm_traits.root_pages - 1;
    const pfn_t root = frame_alloc(order, FRAME_ZEROED, FRAME_TABLE);
    const u32 first = pt_index(DIRECT_MAP_BASE, PT_LEVELS);

    if (root.n == PFN_INVALID.n)
        return -ENOMEM;
    memset(s, 0, sizeof(*s));
    s->lock.name = "user space";
    s->root = root;
    s->low = PAGE_SIZE; /* NULL is never mapped */
    s->high = USER_END;
    s->flags = PTE_USER;
    frame_get(root)->used = FRAME_PERMANENT;
    spin_lock(&s->lock); /* a suspend changes entries */
    memcpy((u64 *)pfn_to_va(root) + first, (u64 *)pfn_to_va(mm_kernel.root) + first,
           (PT_ENTRIES - first) * sizeof(u64));
    plain_add(s);
    spin_unlock(&s->lock);
    return 0;
}

void mm_space_switch(struct mm_space *s)
{
    if (s == current_here())
        return;
    __atomic_store_n(&current[pv_this_cpu()], s, __ATOMIC_SEQ_CST);
    pv_write_cr3(s->root);
}

/* Announce the space's tables if that was not done. Return 0, or -EINVAL if they are refused. */
static int space_announce(struct mm_space *s)
{
    int error = 0;

    spin_lock(&s->lock);
    if (!s->live) {
        error = pv_pin_root(s->root);
        if (!error)
            plain_remove(s);
    }
    s->live = !error;
    spin_unlock(&s->lock);
    return error ? -EINVAL : 0;
}

/* Count the space as used before its root is written, and the other until after that. */
int mm_space_activate(struct mm_space *s)
{
    const int error = space_announce(s);
    struct mm_space *before;
    u64 flags;

    if (error)
        return error;
    flags = pv_irq_save();
    before = current_here();
    __atomic_fetch_add(&s->users, 1, __ATOMIC_SEQ_CST);
    mm_space_switch(s);
    __atomic_fetch_sub(&before->users, 1, __ATOMIC_SEQ_CST);
    pv_restore_fl(flags);
    return 0;
}

int mm_space_destroy(struct mm_space *s)
{
    if (s == &mm_kernel || __atomic_load_n(&s->users, __ATOMIC_SEQ_CST))
        return -EBUSY;
    spin_lock(&s->lock); /* the op requires that the thread stays on its CPU */
    if (s->live) {
        pv_unpin_root(s->root);
        plain_add(s);
    }
    s->live = false;
    spin_unlock(&s->lock);
    mm_free_tables(s);
    plain_remove(s);
    frame_get(s->root)->used = 0;
    frame_free(s->root, mm_traits.root_pages - 1);
    memset(s, 0, sizeof(*s));
    return 0;
}

int mm_populate(struct mm_space *s, u64 va, u64 count, u32 prot)
{
    return mm_map_new(s, va, count, prot, FRAME_ZEROED, FRAME_USER);
}

/*
 * Map the page at va if it is in a reserved region that allows the access. Return true if it is
 * mapped now: another thread may have been first (-EEXIST).
 */
static bool region_map_page(struct mm_space *s, u64 va, u64 error)
{
    for (u32 i = 0; i < __atomic_load_n(&s->nr_regions, __ATOMIC_ACQUIRE); i++) {
        const struct mm_region *r = &s->regions[i];
        int result;

        if (va < r->start || va >= r->end)
            continue;
        if ((error & FAULT_WRITE && !(r->prot & MM_WRITE)) ||
            (error & FAULT_EXEC && !(r->prot & MM_EXEC)))
            return false;
        result = mm_populate(s, ALIGN_DOWN(va, PAGE_SIZE), 1, r->prot);
        return result == 0 || result == -EEXIST;
    }
    return false;
}

bool mm_fault(u64 va, u64 error)
{
    struct mm_space *s = mm_space_current();

    return !(error & FAULT_PRESENT) && va < USER_END && region_map_page(s, va, error);
}

/*
 * region_map_page reads the regions without the lock: an element is complete before nr_regions
 * includes it. Context: the space's lock is held.
 */
static int region_add(struct mm_space *s, struct mm_region new)
{
    for (u32 i = 0; i < s->nr_regions; i++)
        if (new.start < s->regions[i].end && s->regions[i].start < new.end)
            return -EEXIST;
    if (s->nr_regions == MM_REGIONS_MAX)
        return -ENOMEM;
    s->regions[s->nr_regions] = new;
    __atomic_store_n(&s->nr_regions, s->nr_regions + 1, __ATOMIC_RELEASE);
    return 0;
}

int mm_reserve(struct mm_space *s, u64 va, u64 count, u32 prot)
{
    int error;

    if (va % PAGE_SIZE || va < s->low || va >= s->high || !count ||
        count > (s->high - va) >> PAGE_SHIFT)
        return -EINVAL;
    spin_lock(&s->lock);
    error = region_add(s, (struct mm_region){va, va + count * PAGE_SIZE, prot});
    spin_unlock(&s->lock);
    return error;
}

static bool is_user_range(u64 va, u64 count)
{
    return va < USER_END && count <= USER_END - va;
}

static int copy_user(void *to, const void *from, u64 count)
{
    u64 left;

    pv_user_access_begin();
    left = user_copy(to, from, count);
    pv_user_access_end();
    return left ? -EFAULT : 0;
}

int copy_from_user(void *to, u64 from, u64 count)
{
    return is_user_range(from, count) ? copy_user(to, (const void *)from, count) : -EFAULT;
}

int copy_to_user(u64 to, const void *from, u64 count)
{
    return is_user_range(to, count) ? copy_user((void *)to, from, count) : -EFAULT;
}
