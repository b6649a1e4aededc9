/* SPDX-License-Identifier: MIT */
/*
 * vmalloc and vmap (mm/vmap.h). The areas in use are a list in the order of their addresses; a new
 * one goes into the first gap that has room for it and its guard pages.
 */
#include "mm/vmap.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/space.h"
#include "pv/spinlock.h"

struct area {
    u64 start, pages; /* without the guards */
    bool owned;       /* vmalloc's: the frames go with the area */
    struct area *next;
};

/* Guarded by: lock. */
static struct spinlock lock = SPINLOCK("areas");
static struct area *areas;

/*
 * Link the area into the first gap with room for it. Two neighbours share the guard page between
 * them. Return false if no gap has room. The lock is held.
 */
static bool area_place(struct area *new)
{
    struct area **link = &areas;
    u64 start = VMAP_BASE + PAGE_SIZE;

    for (; *link && (*link)->start - start < (new->pages + 1) * PAGE_SIZE; link = &(*link)->next)
        start = (*link)->start + ((*link)->pages + 1) * PAGE_SIZE;
    if (!new->pages || new->pages >= (REPRO_AREA_BASE - start) >> PAGE_SHIFT)
        return false;
    new->start = start;
    new->next = *link;
    *link = new;
    return true;
}

/* Reserve addresses for so many pages. Return NULL without memory or addresses. */
static struct area *area_create(u64 pages, bool owned)
{
    struct area *new = kmalloc(sizeof(*new));
    bool placed;

    if (!new)
        return NULL;
    *new = (struct area){.pages = pages, .owned = owned};
    spin_lock(&lock);
    placed = area_place(new);
    spin_unlock(&lock);
    if (placed)
        return new;
    kfree(new);
    return NULL;
}

/* Return the link to the area that starts there, or to NULL. The lock is held. */
static struct area **area_find(u64 start)
{
    struct area **link = &areas;

    while (*link && (*link)->start != start)
        link = &(*link)->next;
    return link;
}

/* Release the addresses of an area in which nothing is mapped. */
static void area_destroy(struct area *area)
{
    spin_lock(&lock);
    *area_find(area->start) = area->next;
    spin_unlock(&lock);
    kfree(area);
}

/* Return the area's address, or, if mapping failed, destroy it and return NULL. */
static void *area_result(struct area *area, int error)
{
    if (!error)
        return (void *)area->start;
    area_destroy(area);
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
    area = area_create(pages_of(size), true);
    if (!area)
        return NULL;
    return area_result(area,
                       mm_map_new(&mm_kernel, area->start, area->pages, MM_WRITE, 0, FRAME_KERNEL));
}

void *vmap(const pfn_t *frames, u64 count, u32 prot)
{
    struct area *area = area_create(count, false);
    int error = 0;

    if (!area)
        return NULL;
    for (u64 i = 0; i < count && !error; i++) {
        error = mm_map(&mm_kernel, area->start + i * PAGE_SIZE, frames[i], 1, prot);
        if (error && i)
            mm_unmap(&mm_kernel, area->start, i);
    }
    return area_result(area, error);
}

/* The area keeps its addresses until the TLBs are flushed, so that no new mapping is shadowed. */
void vfree(void *p)
{
    struct area *area;

    if (!p)
        return;
    spin_lock(&lock);
    area = *area_find(ALIGN_DOWN((u64)p, PAGE_SIZE));
    spin_unlock(&lock);
    if (!area)
        pv_panic("vfree", "nothing was mapped at %p", p);
    if (area->owned)
        mm_unmap_free(&mm_kernel, area->start, area->pages);
    else
        mm_unmap(&mm_kernel, area->start, area->pages);
    area_destroy(area);
}
