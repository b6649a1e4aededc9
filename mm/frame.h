/* SPDX-License-Identifier: MIT */
/*
 * Frames of RAM: the allocator, and a table that records what each frame is used for. frame.c opens
 * with how it works.
 *
 * A block is 2^order contiguous frames, aligned to its size. All functions may be called by threads
 * on several CPUs at once, with interrupts on or off.
 */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include "pv/mmu_types.h"

enum frame_state {
    FRAME_NONE,    /* not RAM, or RAM that this kernel may not use */
    FRAME_FREE,    /* in a free block */
    FRAME_BOOT,    /* in use since before the allocator: image, modules, the table of frames */
    FRAME_TABLE,   /* a page table, which must not be mapped */
    FRAME_KERNEL,  /* allocated; what it holds is the caller's business */
    FRAME_HEAP,    /* a slab of the heap */
    FRAME_USER,    /* owned by the one address space that maps it, and freed with it */
    FRAME_BALLOON, /* given to the hypervisor */
};

enum {
    FRAME_SECTION_SHIFT = 13, /* a section: 32 MiB of frames */
    FRAME_SECTION = 1 << FRAME_SECTION_SHIFT,
    FRAME_ORDER_MAX = 10, /* 4 MiB */

    /* Flags of frame_alloc. */
    FRAME_LOW = 1 << 0,    /* below 4 GiB */
    FRAME_ZEROED = 1 << 1, /* filled with zeros */
    FRAME_SINGLE = 1 << 2, /* each frame can be freed by itself, as a block of order 0 */

    FRAME_PERMANENT = 0xffff, /* in struct frame, used: this page table is never freed */
};

/* 16 bytes a frame: 0.4 % of RAM. */
struct frame {
    u32 next, prev; /* neighbours in a list, by pfn; 0 for none */
    u16 used;       /* FRAME_TABLE: slots in use; FRAME_HEAP: objects in use */
    u8 state;       /* enum frame_state */
    u8 order;       /* of the block, in its first frame; FRAME_TAIL in the others */
    bool poisoned;  /* was freed in debug mode */
    u8 size_class;  /* FRAME_HEAP: of the objects */
    u16 free;       /* FRAME_HEAP: the first free object */
};
#define FRAME_TAIL 0xff

/* [start, end) in frames. absent: they have no memory before the balloon takes them. */
struct frame_range {
    u64 start, end;
    bool absent;
};

/*
 * Set-up, in this order, on one CPU. frame_tables_clear forgets all parts of the table of frames.
 * frame_tables_add adds the part for count contiguous sections: table has count * FRAME_SECTION
 * elements, which need not be zeroed, because a section's are written when it is opened. A section
 * without RAM needs no part, so a hole in the address space costs nothing.
 */
void frame_tables_clear(void);
void frame_tables_add(u64 first_section, u64 count, struct frame *table);

/*
 * Then take over the frames below nr_frames. ram: all there are. unused: those of them that may be
 * handed out; the rest is FRAME_BOOT, or FRAME_BALLOON if they are absent. Both arrays must stay,
 * because sections are opened later.
 */
void frame_init(u64 nr_frames, const struct frame_range *ram, u32 nr_ram,
                const struct frame_range *unused, u32 nr_unused);

/*
 * Allocate a block for an owner of the states FRAME_TABLE, FRAME_KERNEL, FRAME_HEAP or FRAME_USER.
 * Return its first frame, or PFN_INVALID without memory. May open sections (frame_open).
 */
pfn_t frame_alloc(u32 order, u32 flags, enum frame_state owner) __must_check;

/* Free a block that frame_alloc returned. Anything else is a bug of the kernel and panics. */
void frame_free(pfn_t first, u32 order);

/* Free contiguous frames that are blocks of order 0 each, with the allocator's lock taken once. */
void frames_free_range(pfn_t first, u64 count);

/* Like frame_alloc, but the block is machine-contiguous and below 2^address_bits, for DMA. */
pfn_t frame_alloc_contiguous(u32 order, u32 address_bits) __must_check;

/* Make count frames that are FRAME_BOOT free memory. May open sections. */
void frame_release_boot(pfn_t first, u64 count);

/* Make count frames that were absent free memory, which they have now; their sections are open. */
void frame_release_absent(pfn_t first, u64 count);

/*
 * Return the frame's element of the table of frames. frame_get only looks: NULL for a frame whose
 * section holds no RAM or is not open yet, so none of its frames was ever allocated, mapped or
 * released. frame_open opens the section first, which fills its part of the table of frames and may
 * build page tables of the direct map; NULL only if the section holds no RAM.
 */
struct frame *frame_get(pfn_t pfn);
struct frame *frame_open(pfn_t pfn);

/*
 * Lists of frames, or of blocks by their first frame, linked through struct frame. *list is the
 * first one's pfn, 0 for an empty list. The caller owns the frames and guards the list.
 * frames_free_list frees all frames of a list.
 */
void frame_push(u32 *list, pfn_t pfn);
void frame_drop(u32 *list, pfn_t pfn);
pfn_t frame_pop(u32 *list);
void frames_free_list(u32 list);

/*
 * Open the sections of these frames (frame_open), so that the direct map shows them. Return whether
 * all may be mapped: RAM that is in use and holds no page table.
 */
bool frames_open_mappable(pfn_t first, u64 count);

u64 frames_free(void);
u64 frames_total(void);

/* Return the order of the largest block that is free now, or -1: a measure of fragmentation. */
int frames_largest_order(void);

/*
 * Debug mode: fill freed frames with a pattern, and check it when they are allocated. A write
 * through a stale pointer then panics and names the frame.
 */
extern bool frame_debug;

#endif
