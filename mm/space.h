/* SPDX-License-Identifier: MIT */
/*
 * Address spaces, and the mappings in them: the kernel's space, and one for each user program.
 *
 * Sizes are counts of 4 KiB pages, and addresses are on page boundaries. A user space has its own
 * lower half, and shares the kernel's upper half. Errors are negative: -EINVAL for an address that
 * is outside of the space, off its boundary or not canonical, or for a frame that must not be
 * mapped (mm/frame.h); -EEXIST where something is mapped already; -ENOENT where nothing is;
 * -ENOMEM. After an error nothing has changed.
 *
 * Changes take effect before the call returns, even inside a caller's lazy section (pv_lazy_enter),
 * and every CPU's TLB has been flushed. Context: thread, no spinlock held, on several CPUs at once.
 */
#ifndef MM_SPACE_H
#define MM_SPACE_H

#include "mm/pt_slot.h"
#include "pv/pv.h"
#include "pv/spinlock.h"

/* Protection. Every mapped page can be read. */
enum {
    MM_WRITE = 1 << 0,
    MM_EXEC = 1 << 1,
    MM_UNCACHED = 1 << 2,
};

#define MM_REGIONS_MAX 8

/* Pages that are mapped, zeroed, when they are first accessed (mm_reserve). */
struct mm_region {
    u64 start, end;
    u32 prot;
};

struct mm_space {
    struct spinlock lock;
    u32 users; /* threads that have it as their current one */
    pfn_t root;
    bool live;     /* its tables are announced: entries change by ops only */
    u64 low, high; /* mm_map and the like accept [low, high) */
    u64 flags;     /* of its leaves: PTE_USER or PTE_GLOBAL */
    struct mm_region regions[MM_REGIONS_MAX];
    u32 nr_regions;
    /* Guarded by: plain_lock (space.c). The list of the spaces that are not live. */
    struct mm_space *next_plain, **plain_link;
};

/* What is mapped at an address. */
struct mm_mapping {
    u64 value; /* pv/mmu_types.h; accessed and dirty bits included */
    pfn_t pfn; /* the frame that holds va, also in a large page */
    u32 prot;
    int level; /* of the leaf: 1, 2 or 3 */
};

/* The kernel's space; low to high is where mm/vmap.c maps things. */
extern struct mm_space mm_kernel;

/* ---- Spaces and the threads that run in them ------------------------------------------------- */

/* Make *s an empty user space. Return 0 or -ENOMEM. */
int mm_space_create(struct mm_space *s) __must_check;

/*
 * Make *s the calling thread's current space; &mm_kernel leaves user spaces. The first activation
 * of a space announces its tables. Return 0, or -EINVAL if the hypervisor refuses them.
 */
int mm_space_activate(struct mm_space *s) __must_check;

/*
 * Free the tables of a space, and its frames that are FRAME_USER. Return 0, or -EBUSY for the
 * kernel's space and for one that is a thread's current one.
 */
int mm_space_destroy(struct mm_space *s);

/*
 * Announce the tables of all spaces that are not live, and release them again. In between the
 * entries of all tables may change as those of a restored machine do (the op suspend). Context: CPU
 * 0 around a suspend, interrupts disabled, no other CPU online. Return 0; -EINVAL, with nothing
 * announced, if the hypervisor refuses one.
 */
int mm_suspend_begin(void) __must_check;
void mm_suspend_end(void);

/* Return the space that this CPU uses. */
struct mm_space *mm_space_current(void);

/*
 * Switch this CPU to a space: the scheduler calls this for the thread that it switches to, because
 * spaces follow threads. Context: interrupts disabled.
 */
void mm_space_switch(struct mm_space *s);

/*
 * Include this CPU in the flushes of TLBs, or exclude it. mm_cpu_enter is called on a CPU that
 * comes online; mm_cpu_leave on one that goes offline: it is called with interrupts enabled,
 * returns with them disabled, and no other CPU waits for this one's TLB from then on.
 */
void mm_cpu_enter(void);
void mm_cpu_leave(void);

/* ---- Mappings ------------------------------------------------------------------------------- */

/* Map count contiguous frames. If they were never used, this may open them (mm/frame.h). */
int mm_map(struct mm_space *s, u64 va, pfn_t pfn, u64 count, u32 prot) __must_check;

/* Map one leaf of level 2 or 3; -EOPNOTSUPP if the platform has no such leaves. */
int mm_map_large(struct mm_space *s, u64 va, pfn_t pfn, int level, u32 prot) __must_check;

/* Unmap or protect count pages of 4 KiB, or, of mm_unmap, one large page as a whole (else -EINVAL).
 */
int mm_unmap(struct mm_space *s, u64 va, u64 count);
int mm_protect(struct mm_space *s, u64 va, u64 count, u32 prot);

/* Map machine memory that is not RAM (a device's registers), uncached. */
int mm_map_device(struct mm_space *s, u64 va, u64 pa, u64 count) __must_check;

/*
 * Fill *m with what is mapped at any address at all; return false if nothing is. Takes no lock, so
 * a change that another CPU makes at this moment may be seen or not.
 */
bool mm_query(const struct mm_space *s, u64 va, struct mm_mapping *m);

/* Return the slot of this level on the walk to va, or NULL if the walk ends above that level. */
union pt_slot *mm_slot(const struct mm_space *s, u64 va, int level);

/* Map new, zeroed frames that the space owns (FRAME_USER). */
int mm_populate(struct mm_space *s, u64 va, u64 count, u32 prot) __must_check;

/* Do so for each page when it is first accessed. -ENOMEM for the space's ninth region. */
int mm_reserve(struct mm_space *s, u64 va, u64 count, u32 prot) __must_check;

/*
 * For the page fault handler: map the page of a reserved region that was accessed. error is the
 * fault's error code. Return true if the access may be repeated.
 */
bool mm_fault(u64 va, u64 error);

/*
 * Copy between the kernel and the current space's lower half. Return 0, or -EFAULT if a byte could
 * not be accessed; some may then be copied.
 */
int copy_from_user(void *to, u64 from, u64 count) __must_check;
int copy_to_user(u64 to, const void *from, u64 count) __must_check;

/* ---- For mm/ itself ------------------------------------------------------------------------- */

/* The flags of an entry that leads to a table: the leaf alone restricts access. */
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY)

/* pagetable.c: map new frames for this owner, with the flags of frame_alloc. */
int mm_map_new(struct mm_space *s, u64 va, u64 count, u32 prot, u32 flags, u32 owner) __must_check;

/* pagetable.c: unmap pages of 4 KiB, and free their frames. */
void mm_unmap_free(struct mm_space *s, u64 va, u64 count);

/* free_tables.c: free the tables and the FRAME_USER frames of a user space that is not live. */
void mm_free_tables(struct mm_space *s);

/* space.c: make mm_kernel the space with these tables. */
void mm_kernel_init(pfn_t root);

/*
 * space.c: flush the range from the TLB of every CPU that uses the space, and wait for them.
 * Context: no lock held, because another CPU may wait for it with interrupts disabled.
 */
void mm_flush(const struct mm_space *s, u64 va, u64 count);

#endif
