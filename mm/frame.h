/*
 * Frames of RAM: a buddy allocator over a table that says of each frame what it is used for. Blocks
 * are 2^order frames, aligned to their size. Context of all: thread, interrupts on or off.
 */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include "pv/mmu_types.h"

enum frame_state {
    FRAME_NONE,    /* no RAM, or RAM that is not this kernel's to use */
    FRAME_FREE,    /* in a free block */
    FRAME_BOOT,    /* in use since before the allocator: image, modules, the frame table */
    FRAME_TABLE,   /* a page table: nobody else may map it */
    FRAME_KERNEL,  /* allocated, for whatever the caller likes */
    FRAME_HEAP,    /* a slab of the heap */
    FRAME_USER,    /* belongs to the one address space that maps it, and goes with it */
    FRAME_BALLOON, /* given to the hypervisor */
};

enum {
    FRAME_SECTION_SHIFT = 13, /* a section: 32 MiB of frames */
    FRAME_SECTION = 1 << FRAME_SECTION_SHIFT,
    FRAME_ORDER_MAX = 10,     /* 4 MiB */
    FRAME_LOW = 1 << 0,       /* below 4 GiB */
    FRAME_ZEROED = 1 << 1,    /* filled with zeros */
    FRAME_SINGLE = 1 << 2,    /* as so many blocks of order 0 */
    FRAME_PERMANENT = 0xffff, /* struct frame, used: this table is never freed */
};

/* 16 bytes a frame: 0.4 % of RAM. */
struct frame {
    u32 next, prev; /* its neighbours in a list, by pfn; 0 for none */
    u16 used;       /* FRAME_TABLE: entries in use; FRAME_HEAP: objects in use */
    u8 state;
    u8 order;      /* of the block, in its first frame; FRAME_TAIL in the others */
    bool poisoned; /* was freed in debug mode */
    u8 class;      /* FRAME_HEAP: of the objects */
    u16 free;      /* FRAME_HEAP: the first free object */
};
#define FRAME_TAIL 0xff

/* [start, end) in frames. */
struct frame_range {
    u64 start, end;
};

/*
 * The table of frames has a part for each section that holds RAM, so that a hole in the address
 * space costs nothing. First frame_tables_clear, then frame_tables_add for contiguous sections:
 * table has count * FRAME_SECTION entries, which need not be zeroed. They are written as the frames
 * come into use, a section at a time.
 */
void frame_tables_clear(void);
void frame_tables_add(u64 first_section, u64 count, struct frame *table);

/*
 * Then: frames below nr_frames are the allocator's. ram: all there is; unused: the parts of it that
 * may be handed out, the rest is FRAME_BOOT. Both stay.
 */
void frame_init(u64 nr_frames, const struct frame_range *ram, u32 nr_ram,
                const struct frame_range *unused, u32 nr_unused);

/* Returns the first frame of a block, or PFN_INVALID if there is none. owner: KERNEL, TABLE, HEAP,
 * USER. */
pfn_t frame_alloc(u32 order, u32 flags, enum frame_state owner) __must_check;

/* Frees a block that frame_alloc returned. Anything else is a fault of the kernel: pv_panic. */
void frame_free(pfn_t first, u32 order);

/* Like frame_alloc, and in a row in the machine below 2^address_bits too, for devices. */
pfn_t frame_alloc_contiguous(u32 order, u32 address_bits) __must_check;

/* Hands FRAME_BOOT frames over to the allocator. */
void frame_release_boot(pfn_t first, u64 count);

/* Return the entry of a frame; NULL if its section holds no RAM. */
struct frame *frame_get(pfn_t pfn);

/*
 * Lists of frames, or of blocks by their first, for whoever has them in his hands and under his
 * lock: *list is the first one's pfn, 0 for none. frames_free_list frees all of a list of frames.
 */
void frame_push(u32 *list, pfn_t pfn);
void frame_drop(u32 *list, pfn_t pfn);
pfn_t frame_pop(u32 *list);
void frames_free_list(u32 list);

/* Are all of these frames RAM that is in use, and no page tables: may they be mapped? */
bool frames_mappable(pfn_t first, u64 count);

u64 frames_free(void);
u64 frames_total(void);

/* The order of the largest block that is free at the moment, or -1. For measuring fragmentation. */
int frames_largest_order(void);

/*
 * Debug mode: what is freed is filled with a pattern, and what is allocated is checked for it: a
 * write through a stale pointer ends in pv_panic, which names the frame.
 */
extern bool frame_debug;

#endif
