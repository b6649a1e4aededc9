/*
 * Address spaces: the kernel's own, and those of user code, and the mappings in them.
 *
 * Sizes are counts of 4 KiB pages, addresses are on page boundaries, and errors are negative:
 * -EINVAL for an address outside of the space, off its boundary or not canonical, or a frame that
 * may not be mapped (mm/frame.h); -EEXIST where something is mapped, -ENOENT where nothing is,
 * -ENOMEM. Where an error is returned, nothing has changed. A space has the kernel's mappings in
 * its upper half.
 *
 * What is changed is made true at once, also in a lazy section of the caller's (pv_lazy_enter), and
 * no CPU's TLB keeps what it was. Context: thread, no spinlock held; on several CPUs at once.
 */
#ifndef MM_SPACE_H
#define MM_SPACE_H

#include "pv/pv.h"
#include "pv/spinlock.h"

/* Protection: readable always. */
enum {
    MM_WRITE = 1 << 0,
    MM_EXEC = 1 << 1,
    MM_UNCACHED = 1 << 2,
};

#define MM_REGIONS_MAX 8

/* Pages that appear, zeroed, when they are first touched. */
struct mm_region {
    u64 start, end;
    u32 prot;
};

struct mm_space {
    struct spinlock lock;
    u32 users; /* threads that have it as their current one */
    pfn_t root;
    bool live;     /* its tables are announced: entries change by ops only */
    u64 low, high; /* mm_map and its kin work on [low, high) */
    u64 flags;     /* PTE_USER or PTE_GLOBAL */
    struct mm_region regions[MM_REGIONS_MAX];
    u32 nr_regions;
    /* mm_fault's way to them; an image in which nobody calls mm_reserve need not hold it. */
    bool (*touch)(struct mm_space *s, u64 va, u64 error);
};

/* What lies at an address. */
struct mm_mapping {
    u64 value; /* pv/mmu_types.h; accessed and dirty bits included */
    pfn_t pfn; /* the frame that holds va, also in a large page */
    u32 prot;
    int level; /* of the leaf: 1, 2 or 3 */
};

/* The kernel's: low to high is where mm/vmap.c maps things. */
extern struct mm_space mm_kernel;

/*
 * mm_space_create makes an empty user space. mm_space_activate makes it the calling thread's
 * current one (its first time announces its tables); mm_space_activate(&mm_kernel) leaves user
 * spaces alone. mm_space_destroy frees its tables and its frames that are FRAME_USER; -EBUSY if it
 * is any thread's current one. Spaces follow threads: each begins in the kernel's, and the
 * scheduler, with interrupts disabled, calls mm_space_switch to take up that of the thread that
 * comes onto this CPU.
 */
int mm_space_create(struct mm_space *s) __must_check;
int mm_space_activate(struct mm_space *s) __must_check;
int mm_space_destroy(struct mm_space *s);
struct mm_space *mm_space_current(void);
void mm_space_switch(struct mm_space *s);

/*
 * A CPU comes, and its TLB is flushed from now on; or it goes, and nobody asks that of it any more.
 * Context: of the CPU; the second is called with interrupts enabled and returns with them disabled.
 */
void mm_cpu_enter(void);
void mm_cpu_leave(void);

/*
 * mm_map maps count frames in a row. mm_map_large maps one leaf of level 2 or 3; -EOPNOTSUPP if the
 * platform has none. mm_unmap and mm_protect work on pages of 4 KiB, and on large ones only as a
 * whole (-EINVAL).
 */
int mm_map(struct mm_space *s, u64 va, pfn_t pfn, u64 count, u32 prot) __must_check;
int mm_map_large(struct mm_space *s, u64 va, pfn_t pfn, int level, u32 prot) __must_check;
int mm_unmap(struct mm_space *s, u64 va, u64 count);
int mm_protect(struct mm_space *s, u64 va, u64 count, u32 prot);

/* Maps machine memory that is no RAM (a device's registers), uncached. */
int mm_map_device(struct mm_space *s, u64 va, u64 pa, u64 count) __must_check;

/*
 * What the tables say of any address at all: false if nothing is mapped there. Takes no lock: what
 * others change at the moment may be told either way.
 */
bool mm_query(const struct mm_space *s, u64 va, struct mm_mapping *m);

/* The entry of this level on the way to va, or NULL if the tables do not go that deep there. */
u64 *mm_slot(const struct mm_space *s, u64 va, int level);

/* mm_populate maps new, zeroed frames that the space owns; mm_reserve does so when they are
 * touched. */
int mm_populate(struct mm_space *s, u64 va, u64 count, u32 prot) __must_check;
int mm_reserve(struct mm_space *s, u64 va, u64 count, u32 prot) __must_check;

/* The page fault handler's part: true if the page is there now and the access may be tried again.
 */
bool mm_fault(u64 va, u64 error);

/* For mm/: maps new frames of this owner (mm/frame.h; flags too); unmaps pages and frees theirs. */
int mm_map_new(struct mm_space *s, u64 va, u64 count, u32 prot, u32 flags, u32 owner) __must_check;
void mm_unmap_free(struct mm_space *s, u64 va, u64 count);

/*
 * Copies between the kernel and the current space's lower half. Return 0, or -EFAULT if not all of
 * it could be reached; some bytes may then be copied.
 */
int copy_from_user(void *to, u64 from, u64 count) __must_check;
int copy_to_user(u64 to, const void *from, u64 count) __must_check;

/* ---- For mm/ itself ------------------------------------------------------------------------- */

/* An entry that leads to a table: what may be done is said by the leaf. */
#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY)

/* pagetable.c: what a plain table of this level above 1 holds for value; a user space's tables and
 * its own frames are freed. */
u64 entry_raw(int level, u64 value);
void mm_free_tables(const struct mm_space *s);

/* space.c: makes mm_kernel of the kernel's tables; flushes on the CPUs that use a space. */
void mm_kernel_init(pfn_t root);
void mm_flush(const struct mm_space *s, u64 va, u64 count);

#endif
