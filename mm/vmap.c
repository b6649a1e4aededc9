/*
 * See mm/vmap.h. The areas are a list in the order of their addresses, and a new one goes into the
 * first gap that has room for it and its guard pages. The last 16 GiB are left to the tests.
 */
#include "mm/vmap.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/space.h"

#define AREAS_END (VMAP_END - GIB(16))

struct area {
    u64 start, pages; /* without the guards */
    bool owned;       /* the frames are the area's */
    struct area *next;
};

static struct area *areas;

/* Finds room and links the area in; NULL if there is none. */
static struct area *add_area(u64 pages, bool owned)
{
    struct area *new = kmalloc(sizeof(*new)), **link = &areas;
    u64 start = VMAP_BASE + PAGE_SIZE;

    if (!new)
        return NULL;
    for (; *link && (*link)->start - start < (pages + 1) * PAGE_SIZE; link = &(*link)->next)
        start = (*link)->start + ((*link)->pages + 1) * PAGE_SIZE;
    if (!pages || pages >= (AREAS_END - start) >> PAGE_SHIFT) {
        kfree(new);
        return NULL;
    }
    *new = (struct area){start, pages, owned, *link};
    *link = new;
    return new;
}

static void drop_area(struct area *area)
{
    struct area **link = &areas;

    while (*link != area)
        link = &(*link)->next;
    *link = area->next;
    kfree(area);
}

/* Unmaps the first count pages, and frees their frames if they are the area's. */
static void unmap_pages(const struct area *area, u64 count)
{
    for (u64 i = 0; i < count; i++) {
        const u64 va = area->start + i * PAGE_SIZE;
        struct mm_mapping m = {0};

        mm_query(&mm_kernel, va, &m);
        mm_unmap(&mm_kernel, va, 1);
        if (area->owned)
            frame_free(m.pfn, 0);
    }
}

/* All at once, for the flush's sake; the frames are noted first, in the area's own frames. */
static void unmap_area(const struct area *area)
{
    u32 first = 0;

    for (u64 i = 0; area->owned && i < area->pages; i++) {
        struct mm_mapping m = {0};

        mm_query(&mm_kernel, area->start + i * PAGE_SIZE, &m);
        frame_get(m.pfn)->next = first;
        first = (u32)m.pfn.n;
    }
    mm_unmap(&mm_kernel, area->start, area->pages);
    while (first) {
        const pfn_t pfn = PFN(first);

        first = frame_get(pfn)->next;
        frame_free(pfn, 0);
    }
}

static void *map_frames(struct area *area, const pfn_t *frames, u32 prot)
{
    u64 i;

    pv_lazy_enter();
    for (i = 0; i < area->pages; i++) {
        const pfn_t pfn = frames ? frames[i] : frame_alloc(0, 0, FRAME_KERNEL);

        if (pfn.n == PFN_INVALID.n)
            break;
        if (mm_map(&mm_kernel, area->start + i * PAGE_SIZE, pfn, 1, prot)) {
            if (!frames)
                frame_free(pfn, 0);
            break;
        }
    }
    pv_lazy_leave();
    if (i == area->pages)
        return (void *)area->start;
    unmap_pages(area, i);
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
    return area ? map_frames(area, NULL, MM_WRITE) : NULL;
}

void *vmap(const pfn_t *frames, u64 count, u32 prot)
{
    struct area *area = add_area(count, false);

    return area ? map_frames(area, frames, prot) : NULL;
}

void *vmap_device(u64 pa, u64 size)
{
    struct area *area = add_area(pages_of(pa % PAGE_SIZE + size), false);

    if (!area)
        return NULL;
    if (mm_map_device(&mm_kernel, area->start, ALIGN_DOWN(pa, PAGE_SIZE), area->pages)) {
        drop_area(area);
        return NULL;
    }
    return (void *)(area->start + pa % PAGE_SIZE);
}

void vfree(void *p)
{
    struct area *area = areas;

    if (!p)
        return;
    while (area && area->start != ALIGN_DOWN((u64)p, PAGE_SIZE))
        area = area->next;
    if (!area)
        pv_panic("vfree", "nothing was mapped at %p", p);
    unmap_area(area);
    drop_area(area);
}

/* ---- The balloon: frames that are ours but hold nothing, in a list by pfn
 * ------------------------ */

static u32 ballooned;

s64 mm_balloon_give(u64 count)
{
    u64 done;

    for (done = 0; done < count; done++) {
        const pfn_t pfn = frame_alloc(0, 0, FRAME_KERNEL);
        s64 given = pfn.n == PFN_INVALID.n ? 0 : pv_balloon_adjust(pfn, 1, true);

        if (given != 1) {
            if (pfn.n != PFN_INVALID.n)
                frame_free(pfn, 0);
            return given < 0 && !done ? given : (s64)done;
        }
        frame_get(pfn)->state = FRAME_BALLOON;
        frame_get(pfn)->next = ballooned;
        ballooned = (u32)pfn.n;
    }
    return (s64)done;
}

s64 mm_balloon_take(u64 count)
{
    u64 done;

    for (done = 0; done < count && ballooned; done++) {
        const pfn_t pfn = PFN(ballooned);

        if (pv_balloon_adjust(pfn, 1, false) != 1)
            break;
        ballooned = frame_get(pfn)->next;
        frame_get(pfn)->state = FRAME_KERNEL;
        frame_free(pfn, 0);
    }
    return (s64)done;
}
