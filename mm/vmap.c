/*
 * See mm/vmap.h. The areas are a list in the order of their addresses, and a new one goes into the
 * first gap that has room for it and its guard pages. The last 16 GiB are left to the tests.
 */
#include "mm/vmap.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/space.h"
#include "pv/spinlock.h"

#define AREAS_END (VMAP_END - GIB(16))

struct area {
    u64 start, pages; /* without the guards */
    bool owned;       /* the frames are the area's */
    struct area *next;
};

static struct spinlock lock = SPINLOCK("areas");
static struct area *areas;

/* Links it into the first gap with room for it; false if there is none. */
static bool place(struct area *new)
{
    struct area **link = &areas;
    u64 start = VMAP_BASE + PAGE_SIZE;

    for (; *link && (*link)->start - start < (new->pages + 1) * PAGE_SIZE; link = &(*link)->next)
        start = (*link)->start + ((*link)->pages + 1) * PAGE_SIZE;
    if (!new->pages || new->pages >= (AREAS_END - start) >> PAGE_SHIFT)
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

/* Nothing is mapped there any more. */
static void drop_area(struct area *area)
{
    struct area **link = &areas;

    spin_lock(&lock);
    while (*link != area)
        link = &(*link)->next;
    *link = area->next;
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

    return area ? finish(area, mm_map_frames(&mm_kernel, area->start, frames, count, prot)) : NULL;
}

void *vmap_device(u64 pa, u64 size)
{
    struct area *area = add_area(pages_of(pa % PAGE_SIZE + size), false);
    const u64 start = ALIGN_DOWN(pa, PAGE_SIZE);
    char *p;

    if (!area)
        return NULL;
    p = finish(area, mm_map_device(&mm_kernel, area->start, start, area->pages));
    return p ? p + pa % PAGE_SIZE : NULL;
}

static struct area *find_area(u64 start)
{
    struct area *area;

    spin_lock(&lock);
    area = areas;
    while (area && area->start != start)
        area = area->next;
    spin_unlock(&lock);
    return area;
}

/* The area keeps its addresses until no TLB knows them. */
void vfree(void *p)
{
    struct area *area = p ? find_area(ALIGN_DOWN((u64)p, PAGE_SIZE)) : NULL;

    if (!p)
        return;
    if (!area)
        pv_panic("vfree", "nothing was mapped at %p", p);
    if (area->owned)
        mm_unmap_free(&mm_kernel, area->start, area->pages);
    else
        mm_unmap(&mm_kernel, area->start, area->pages);
    drop_area(area);
}

/* ---- The balloon: frames that are ours but hold nothing, listed by pfn ---------------------- */

static u32 ballooned;

static s64 give(u64 count)
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

static s64 take(u64 count)
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

s64 mm_balloon_give(u64 count)
{
    s64 done;

    spin_lock(&lock);
    done = give(count);
    spin_unlock(&lock);
    return done;
}

s64 mm_balloon_take(u64 count)
{
    s64 done;

    spin_lock(&lock);
    done = take(count);
    spin_unlock(&lock);
    return done;
}
