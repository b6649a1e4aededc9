/*
 * See mm/vmap.h. The areas are a list in the order of their addresses, and a new one goes into the
 * first gap that has room for it and its guard pages.
 */
#include "mm/vmap.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/space.h"
#include "pv/spinlock.h"

struct area {
    u64 start, pages; /* without the guards */
    bool owned;       /* the frames are the area's */
    struct area *next;
};

/* Guarded by: lock. */
static struct spinlock lock = SPINLOCK("areas");
static struct area *areas;

/* Links it into the first gap with room for it; false if there is none. */
static bool place(struct area *new)
{
    struct area **link = &areas;
    u64 start = VMAP_BASE + PAGE_SIZE;

    for (; *link && (*link)->start - start < (new->pages + 1) * PAGE_SIZE; link = &(*link)->next)
        start = (*link)->start + ((*link)->pages + 1) * PAGE_SIZE;
    if (!new->pages || new->pages >= (PROGRAM_HEAP_BASE - start) >> PAGE_SHIFT)
        return false;
    new->start = start;
    new->next = *link;
    *link = new;
    return true;
}

static struct area *add_area(u64 pages, bool owned)
{
    struct area *new = kmalloc(sizeof(*new));
    bool placed;

    if (!new)
        return NULL;
    *new = (struct area){.pages = pages, .owned = owned};
    spin_lock(&lock);
    placed = place(new);
    spin_unlock(&lock);
    if (placed)
        return new;
    kfree(new);
    return NULL;
}

/* The link to the area that starts there, or to NULL. The lock is held. */
static struct area **link_to(u64 start)
{
    struct area **link = &areas;

    while (*link && (*link)->start != start)
        link = &(*link)->next;
    return link;
}

/* Nothing is mapped there any more. */
static void drop_area(struct area *area)
{
    spin_lock(&lock);
    *link_to(area->start) = area->next;
    spin_unlock(&lock);
    kfree(area);
}

/* What was mapped there is the caller's, or there is no memory, and no area. */
static void *finish(struct area *area, int error)
{
    if (!error)
        return (void *)area->start;
    drop_area(area);
    return NULL;
}

static u64 pages_of(u64 size)
{
    return (size >> PAGE_SHIFT) + (size % PAGE_SIZE != 0);
}

void *vmalloc(u64 size)
{
    struct area *area;

    if (pages_of(size) > frames_free())
        return NULL;
    area = add_area(pages_of(size), true);
    if (!area)
        return NULL;
    return finish(area,
                  mm_map_new(&mm_kernel, area->start, area->pages, MM_WRITE, 0, FRAME_KERNEL));
}

void *vmap(const pfn_t *frames, u64 count, u32 prot)
{
    struct area *area = add_area(count, false);
    int error = 0;

    if (!area)
        return NULL;
    for (u64 i = 0; i < count && !error; i++) {
        error = mm_map(&mm_kernel, area->start + i * PAGE_SIZE, frames[i], 1, prot);
        if (error && i)
            mm_unmap(&mm_kernel, area->start, i);
    }
    return finish(area, error);
}

/* The area keeps its addresses until no TLB knows them. */
void vfree(void *p)
{
    struct area *area;

    if (!p)
        return;
    spin_lock(&lock);
    area = *link_to(ALIGN_DOWN((u64)p, PAGE_SIZE));
    spin_unlock(&lock);
    if (!area)
        pv_panic("vfree", "nothing was mapped at %p", p);
    if (area->owned)
        mm_unmap_free(&mm_kernel, area->start, area->pages);
    else
        mm_unmap(&mm_kernel, area->start, area->pages);
    drop_area(area);
}

/* ---- The balloon: a list of frames that are ours but hold nothing ---------------------------- */

static u32 ballooned; /* Guarded by: lock */

s64 mm_balloon_give(u64 count)
{
    s64 done = 0, given = 1;

    spin_lock(&lock);
    while (given == 1 && (u64)done < count) {
        const pfn_t pfn = frame_alloc(0, 0, FRAME_KERNEL);

        if (pfn.n == PFN_INVALID.n)
            break;
        given = pv_balloon_adjust(pfn, 1, true);
        if (given == 1) {
            frame_get(pfn)->state = FRAME_BALLOON;
            frame_push(&ballooned, pfn);
            done++;
        } else {
            frame_free(pfn, 0);
        }
    }
    spin_unlock(&lock);
    return given < 0 && !done ? given : done;
}

s64 mm_balloon_take(u64 count)
{
    s64 done = 0;

    spin_lock(&lock);
    for (; (u64)done < count && ballooned; done++) {
        const pfn_t pfn = PFN(ballooned);

        if (pv_balloon_adjust(pfn, 1, false) != 1)
            break;
        frame_pop(&ballooned);
        frame_get(pfn)->state = FRAME_KERNEL;
        frame_free(pfn, 0);
    }
    spin_unlock(&lock);
    return done;
}
