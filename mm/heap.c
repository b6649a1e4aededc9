/* SPDX-License-Identifier: MIT */
/*
 * The heap's slabs (mm/heap.h).
 *
 * A slab is one frame, cut into objects of one size class. The frame's struct frame holds its
 * state: the size class, how many objects are in use, and the first free object. The free objects
 * are a list: the first 8 bytes of each (its free word) hold the index of the next one,
 *
 *     63                              16 15            0
 *    +----------------------------------+---------------+
 *    | FREE_MAGIC ^ the object's address| next, or      |
 *    |                                  | NO_OBJECT     |
 *    +----------------------------------+---------------+
 *
 * and mark the object as free. kmalloc checks the mark, which shows that a freed object was written
 * to, and kfree does, which shows that an object is freed twice. The mark depends on the address,
 * so a program's own data is unlikely to equal it; kfree searches the list to be sure.
 *
 * Invariants: a slab with free objects is in the list of its size class (partial); a full one is in
 * no list; one without objects in use is freed at once.
 */
#include "mm/heap.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/vmap.h"
#include "pv/pv.h"
#include "pv/spinlock.h"

#define FREE_MAGIC 0x5fee5fee5fee0000ull
#define NO_OBJECT  0xffffu

/* Guarded by: lock, and so are the free words in the slabs. */
static struct spinlock lock = SPINLOCK("heap");
static const u16 sizes[] = {16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048};
static u32 partial[ARRAY_SIZE(sizes)]; /* lists of slabs (frame_push), by size class */
static u64 objects;                    /* in use */

/* Return the index in sizes[] of the smallest size class for size bytes, at most the largest size.
 */
static u32 size_class_of(u64 size)
{
    u32 size_class = 0;

    while (sizes[size_class] < size)
        size_class++;
    return size_class;
}

static u64 *object_at(pfn_t slab, u32 size_class, u32 index)
{
    return (u64 *)((u64)pfn_to_va(slab) + index * sizes[size_class]);
}

static u64 free_word(const u64 *object, u32 next)
{
    return (FREE_MAGIC ^ (u64)object << 16) | next;
}

static bool looks_free(const u64 *object)
{
    return (*object ^ free_word(object, 0)) < 1 << 16;
}

/* Allocate a slab for this size class; all its objects are free. The lock is held. */
static bool slab_create(u32 size_class)
{
    const pfn_t slab = frame_alloc(0, 0, FRAME_HEAP);
    const u32 count = PAGE_SIZE / sizes[size_class];
    struct frame *frame;

    if (slab.n == PFN_INVALID.n)
        return false;
    for (u32 i = 0; i < count; i++) {
        u64 *object = object_at(slab, size_class, i);

        *object = free_word(object, i + 1 < count ? i + 1 : NO_OBJECT);
    }
    frame = frame_get(slab);
    frame->size_class = (u8)size_class;
    frame->free = 0;
    frame_push(&partial[size_class], slab);
    return true;
}

/* Allocate the first free object; panic if it was written to. The lock is held. */
static u64 *slab_alloc(u32 size_class)
{
    struct frame *frame;
    pfn_t slab;
    u64 *object;

    if (!partial[size_class] && !slab_create(size_class))
        return NULL;
    slab = PFN(partial[size_class]);
    frame = frame_get(slab);
    object = object_at(slab, size_class, frame->free);
    if (!looks_free(object)) {
        spin_unlock(&lock);
        pv_panic("kmalloc", "free object %p of frame %llx was written to", (void *)object,
                 (unsigned long long)slab.n);
    }
    frame->free = (u16)*object;
    frame->used++;
    objects++;
    if (frame->free == NO_OBJECT)
        frame_pop(&partial[size_class]);
    *object = 0;
    return object;
}

static void *small_alloc(u64 size)
{
    u64 *object;

    spin_lock(&lock);
    object = slab_alloc(size_class_of(size));
    spin_unlock(&lock);
    return object;
}

void *kmalloc(u64 size)
{
    u32 order = 0;
    pfn_t pfn;

    if (!size)
        return NULL;
    if (size <= sizes[ARRAY_SIZE(sizes) - 1])
        return small_alloc(size);
    if (size > PAGE_SIZE << FRAME_ORDER_MAX)
        return vmalloc(size);
    while (PAGE_SIZE << order < size)
        order++;
    pfn = frame_alloc(order, 0, FRAME_KERNEL);
    return pfn.n == PFN_INVALID.n ? NULL : pfn_to_va(pfn);
}

void *kzalloc(u64 size)
{
    void *p = kmalloc(size);

    if (p)
        memset(p, 0, size);
    return p;
}

/* Return whether the object is free. The mark alone may be a program's data: search the list too.
 */
static bool is_free_object(const struct frame *frame, pfn_t slab, const u64 *object)
{
    if (!looks_free(object))
        return false;
    for (u32 i = frame->free; i != NO_OBJECT;) {
        const u64 *o = object_at(slab, frame->size_class, i);

        if (o == object)
            return true;
        i = (u16)*o;
    }
    return false;
}

/* Free an object of a slab. Return NULL, or why it cannot be freed. The lock is held. */
static const char *slab_free(struct frame *frame, pfn_t slab, u64 *object)
{
    const u32 size_class = frame->size_class, offset = (u32)((u64)object % PAGE_SIZE);

    if (offset % sizes[size_class] || offset / sizes[size_class] >= PAGE_SIZE / sizes[size_class])
        return "is not an object";
    if (is_free_object(frame, slab, object))
        return "was freed already";
    if (frame->free == NO_OBJECT)
        frame_push(&partial[size_class], slab);
    *object = free_word(object, frame->free);
    frame->free = (u16)(offset / sizes[size_class]);
    objects--;
    if (--frame->used)
        return NULL;
    frame_drop(&partial[size_class], slab);
    frame_free(slab, 0);
    return NULL;
}

static void small_free(struct frame *frame, pfn_t slab, u64 *object)
{
    const char *error;

    spin_lock(&lock);
    error = slab_free(frame, slab, object);
    spin_unlock(&lock);
    if (error)
        pv_panic("kfree", "%p in frame %llx %s", (void *)object, (unsigned long long)slab.n, error);
}

void kfree(void *p)
{
    const pfn_t pfn = va_to_pfn(p);
    struct frame *frame;

    if (!p)
        return;
    if ((u64)p >= VMAP_BASE && (u64)p < VMAP_END) {
        vfree(p);
        return;
    }
    frame = frame_get(pfn); /* NULL if p is not in the direct map, or was never allocated */
    if (frame && frame->state == FRAME_HEAP)
        small_free(frame, pfn, p);
    else if (frame && frame->state == FRAME_KERNEL && (u64)p % PAGE_SIZE == 0)
        frame_free(pfn, frame->order);
    else
        pv_panic("kfree", "%p of frame %llx is not from the heap", p, (unsigned long long)pfn.n);
}

u64 heap_objects(void)
{
    return objects;
}
