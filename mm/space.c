/*
 * Address spaces of user code (mm/space.h), and what a page fault in one does. A space's tables are
 * plain memory until its first activation, which announces them all in one step.
 */
#include "mm/space.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/pagetable.h"

enum {
    FAULT_PRESENT = 1 << 0, /* page fault error code, Intel SDM vol. 3, section 4.7 */
    FAULT_WRITE = 1 << 1,
    FAULT_EXEC = 1 << 4,
};

/* user.S: copies, and returns how many bytes it could not. */
u64 user_copy(void *to, const void *from, u64 count);

struct mm_space mm_kernel = {.low = VMAP_BASE, .high = VMAP_END, .flags = PTE_GLOBAL};
static struct mm_space *current = &mm_kernel;

struct mm_space *mm_space_current(void)
{
    return current;
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
    s->root = root;
    s->low = PAGE_SIZE; /* NULL is never mapped */
    s->high = USER_END;
    s->flags = PTE_USER;
    s->nr_tables = 1;
    frame_get(root)->used = FRAME_PERMANENT;
    memcpy((u64 *)pfn_to_va(root) + first, (u64 *)pfn_to_va(mm_kernel.root) + first,
           (PT_ENTRIES - first) * sizeof(u64));
    return 0;
}

int mm_space_activate(struct mm_space *s)
{
    if (!s->live && pv_pin_root(s->root))
        return -EINVAL;
    s->live = true;
    if (s != current)
        pv_write_root(s->root);
    current = s;
    return 0;
}

int mm_space_destroy(struct mm_space *s)
{
    if (s == current || s == &mm_kernel)
        return -EBUSY;
    if (s->live)
        pv_unpin_root(s->root);
    s->live = false;
    mm_free_tables(s);
    frame_get(s->root)->used = 0;
    frame_free(s->root, mm_traits.root_pages - 1);
    memset(s, 0, sizeof(*s));
    return 0;
}

int mm_populate(struct mm_space *s, u64 va, u64 count, u32 prot)
{
    int error = 0;
    u64 done = 0;

    if (!count || count > (s->high - s->low) >> PAGE_SHIFT)
        return -EINVAL;
    pv_lazy_enter();
    for (; done < count && !error; done++) {
        const pfn_t pfn = frame_alloc(0, FRAME_ZEROED, FRAME_USER);

        error = pfn.n == PFN_INVALID.n ? -ENOMEM : mm_map(s, va + done * PAGE_SIZE, pfn, 1, prot);
        if (error && pfn.n != PFN_INVALID.n)
            frame_free(pfn, 0);
    }
    pv_lazy_leave();
    for (u64 i = 0; error && i + 1 < done; i++) {
        struct mm_mapping m = {0};

        mm_query(s, va + i * PAGE_SIZE, &m);
        mm_unmap(s, va + i * PAGE_SIZE, 1);
        frame_free(m.pfn, 0);
    }
    return error;
}

int mm_reserve(struct mm_space *s, u64 va, u64 count, u32 prot)
{
    const u64 end = va + count * PAGE_SIZE;

    if (va % PAGE_SIZE || va < s->low || va >= s->high || !count ||
        count > (s->high - va) >> PAGE_SHIFT)
        return -EINVAL;
    for (u32 i = 0; i < s->nr_regions; i++)
        if (va < s->regions[i].end && s->regions[i].start < end)
            return -EEXIST;
    if (s->nr_regions == MM_REGIONS_MAX)
        return -ENOMEM;
    s->regions[s->nr_regions++] = (struct mm_region){va, end, prot};
    return 0;
}

bool mm_fault(u64 va, u64 error)
{
    struct mm_space *s = current;

    if (error & FAULT_PRESENT || va >= USER_END)
        return false;
    for (u32 i = 0; i < s->nr_regions; i++) {
        const struct mm_region *r = &s->regions[i];

        if (va < r->start || va >= r->end)
            continue;
        if ((error & FAULT_WRITE && !(r->prot & MM_WRITE)) ||
            (error & FAULT_EXEC && !(r->prot & MM_EXEC)))
            return false;
        return mm_populate(s, ALIGN_DOWN(va, PAGE_SIZE), 1, r->prot) == 0;
    }
    return false;
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
