/*
 * See mm/heap.h. A slab's state is in its struct frame: the class, how many objects are in use, the
 * first free one. A free object says in its first 8 bytes which is the next, and that it is free (a
 * value that depends on its address: a program's own data will hardly look like it). Invariants: a
 * slab with free objects is in the list of its class, a full one is in none, an empty one goes back
 * at once.
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
static u32 partial[ARRAY_SIZE(sizes)]; /* lists by pfn, 0 ends */
static u64 objects;                    /* in use */

static u32 class_of(u64 size)
{
    u32 class = 0;

    while (sizes[class] < size)
        class ++;
    return class;
}

static u64 *object_at(pfn_t slab, u32 class, u32 index)
{
    return (u64 *)((u64)pfn_to_va(slab) + index * sizes[class]);
}

static u64 free_word(const u64 *object, u32 next)
{
    return (FREE_MAGIC ^ (u64)object << 16) | next;
}

static bool looks_free(const u64 *object)
{
    return (*object ^ free_word(object, 0)) < 1 << 16;
}

static bool new_slab(u32 class)
{
    const pfn_t slab = frame_alloc(0, 0, FRAME_HEAP);
    const u32 count = PAGE_SIZE / sizes[class];
    struct frame *frame;

    if (slab.n == PFN_INVALID.n)
        return false;
    for (u32 i = 0; i < count; i++) {
        u64 *object = object_at(slab, class, i);

        *object = free_word(object, i + 1 < count ? i + 1 : NO_OBJECT);
    }
    frame = frame_get(slab);
    frame->class = (u8) class;
    frame->free = 0;
    frame_push(&partial[class], slab);
    return true;
}

/* Takes the first free object, unless it was written to. The lock is held. */
static u64 *take(u32 class)
{
    struct frame *frame;
    pfn_t slab;
    u64 *object;

    if (!partial[class] && !new_slab(class))
        return NULL;
    slab = PFN(partial[class]);
    frame = frame_get(slab);
    object = object_at(slab, class, frame->free);
    if (!looks_free(object)) {
        spin_unlock(&lock);
        pv_panic("kmalloc", "free object %p of frame %llx was written to", (void *)object,
                 (unsigned long long)slab.n);
    }
    frame->free = (u16)*object;
    frame->used++;
    objects++;
    if (frame->free == NO_OBJECT)
        frame_pop(&partial[class]);
    *object = 0;
    return object;
}

static void *small_alloc(u64 size)
{
    u64 *object;

    spin_lock(&lock);
    object = take(class_of(size));
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

/* The free word may be a program's own: it counts only if the list knows the object. */
static bool is_free_object(const struct frame *frame, pfn_t slab, const u64 *object)
{
    if (!looks_free(object))
        return false;
    for (u32 i = frame->free; i != NO_OBJECT;) {
        const u64 *o = object_at(slab, frame->class, i);

        if (o == object)
            return true;
        i = (u16)*o;
    }
    return false;
}

/* NULL, or why it cannot be. */
static const char *put(struct frame *frame, pfn_t slab, u64 *object)
{
    const u32 class = frame->class, offset = (u32)((u64)object % PAGE_SIZE);

    if (offset % sizes[class] || offset / sizes[class] >= PAGE_SIZE / sizes[class])
        return "is no object";
    if (is_free_object(frame, slab, object))
        return "was freed already";
    if (frame->free == NO_OBJECT)
        frame_push(&partial[class], slab);
    *object = free_word(object, frame->free);
    frame->free = (u16)(offset / sizes[class]);
    objects--;
    if (--frame->used)
        return NULL;
    frame_drop(&partial[class], slab);
    frame_free(slab, 0);
    return NULL;
}

static void small_free(struct frame *frame, pfn_t slab, u64 *object)
{
    const char *error;

    spin_lock(&lock);
    error = put(frame, slab, object);
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
    frame = frame_get(pfn); /* none if p is not in the direct map */
    if (frame && frame->state == FRAME_HEAP)
        small_free(frame, pfn, p);
    else if (frame && frame->state == FRAME_KERNEL && (u64)p % PAGE_SIZE == 0)
        frame_free(pfn, frame->order);
    else
        pv_panic("kfree", "%p of frame %llx is not the heap's", p, (unsigned long long)pfn.n);
}

u64 heap_objects(void)
{
    return objects;
}
