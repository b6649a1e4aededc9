/*
 * Address spaces of user code (mm/space.h), and what a page fault in one does. A space's tables are
 * plain memory until its first activation, which announces them all in one step. A CPU's TLB is
 * flushed if the CPU is one that uses the space: current says so before the root is written.
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

/* user.S: copies, and returns how many bytes it could not. */
u64 user_copy(void *to, const void *from, u64 count);

struct mm_space mm_kernel; /* Guarded by: its lock (mm/space.h) */

/*
 * Atomic: each word changes by one atomic store or addition, and mm_flush says in which order they
 * are read. An element of current is its CPU's, changed with interrupts disabled.
 */
static struct mm_space *current[PV_CPUS_MAX]; /* NULL: the kernel's */
static u64 cpus;                              /* that use the kernel's */
static u32 flushers;                          /* who is about to look at cpus, and to ask these */

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

/* Interrupts disabled. */
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

/* Who asked this CPU before it left is answered first. */
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

static u64 users_of(const struct mm_space *s)
{
    u64 set = 0;

    if (s == &mm_kernel)
        return __atomic_load_n(&cpus, __ATOMIC_SEQ_CST);
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        set |= (u64)(__atomic_load_n(&current[cpu], __ATOMIC_SEQ_CST) == s) << cpu;
    return set;
}

/* A few pages are flushed one by one, many by flushing all. */
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

/* No lock is held, since other CPUs are waited for. */
void mm_flush(const struct mm_space *s, u64 va, u64 count)
{
    const u64 flags = pv_irq_save(), me = 1ull << pv_this_cpu();
    u64 set;

    __atomic_fetch_add(&flushers, 1, __ATOMIC_SEQ_CST);
    set = users_of(s);
    if (set & me)
        flush_here(s, va, count);
    if (set & ~me && pv_flush_tlb_others(set, count == 1 ? va : ~0ull))
        pv_panic("flush_tlb_others", "of CPUs %llx one is gone", (unsigned long long)set);
    __atomic_fetch_sub(&flushers, 1, __ATOMIC_SEQ_CST);
    pv_lazy_flush();
    pv_restore_fl(flags);
}

/* The slots of the upper half that the kernel uses are filled at the start and never change. */
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
    memcpy((u64 *)pfn_to_va(root) + first, (u64 *)pfn_to_va(mm_kernel.root) + first,
           (PT_ENTRIES - first) * sizeof(u64));
    return 0;
}

void mm_space_switch(struct mm_space *s)
{
    if (s == current_here())
        return;
    __atomic_store_n(&current[pv_this_cpu()], s, __ATOMIC_SEQ_CST);
    pv_write_cr3(s->root);
}

static int publish_space(struct mm_space *s)
{
    int error = 0;

    spin_lock(&s->lock);
    if (!s->live)
        error = pv_pin_root(s->root);
    s->live = !error;
    spin_unlock(&s->lock);
    return error ? -EINVAL : 0;
}

/*
 * Each space is counted as used from before its root is written until after the next root is:
 * mm_space_destroy frees a space that has no user.
 */
int mm_space_activate(struct mm_space *s)
{
    const int error = publish_space(s);
    struct mm_space *left;
    u64 flags;

    if (error)
        return error;
    flags = pv_irq_save();
    left = current_here();
    __atomic_fetch_add(&s->users, 1, __ATOMIC_SEQ_CST);
    mm_space_switch(s);
    __atomic_fetch_sub(&left->users, 1, __ATOMIC_SEQ_CST);
    pv_restore_fl(flags);
    return 0;
}

int mm_space_destroy(struct mm_space *s)
{
    if (s == &mm_kernel || __atomic_load_n(&s->users, __ATOMIC_SEQ_CST))
        return -EBUSY;
    spin_lock(&s->lock); /* the op wants a caller that is not preemptible */
    if (s->live)
        pv_unpin_root(s->root);
    s->live = false;
    spin_unlock(&s->lock);
    mm_free_tables(s);
    frame_get(s->root)->used = 0;
    frame_free(s->root, mm_traits.root_pages - 1);
    memset(s, 0, sizeof(*s));
    return 0;
}

int mm_populate(struct mm_space *s, u64 va, u64 count, u32 prot)
{
    return mm_map_new(s, va, count, prot, FRAME_ZEROED, FRAME_USER);
}

/* Another thread may have touched the page first: then it is there. */
static bool touch(struct mm_space *s, u64 va, u64 error)
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

    return s->touch && !(error & FAULT_PRESENT) && va < USER_END && s->touch(s, va, error);
}

static int add_region(struct mm_space *s, struct mm_region new)
{
    for (u32 i = 0; i < s->nr_regions; i++)
        if (new.start < s->regions[i].end && s->regions[i].start < new.end)
            return -EEXIST;
    if (s->nr_regions == MM_REGIONS_MAX)
        return -ENOMEM;
    s->touch = touch;
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
    error = add_region(s, (struct mm_region){va, va + count * PAGE_SIZE, prot});
    spin_unlock(&s->lock);
    return error;
}

static bool is_user_range(u64 va, u64 count)
{
    return va < USER_END && count <= USER_END - va;
}

static int copy(void *to, const void *from, u64 count)
{
    u64 left;

    pv_user_access_begin();
    left = user_copy(to, from, count);
    pv_user_access_end();
    return left ? -EFAULT : 0;
}

int copy_from_user(void *to, u64 from, u64 count)
{
    return is_user_range(from, count) ? copy(to, (const void *)from, count) : -EFAULT;
}

int copy_to_user(u64 to, const void *from, u64 count)
{
    return is_user_range(to, count) ? copy((void *)to, from, count) : -EFAULT;
}
