/* SPDX-License-Identifier: MIT */
/* Pages that a driver grants to its device's backend (drivers/granted.h). */
#include "drivers/granted.h"
#include "mm/frame.h"
#include "pv/pv.h"

bool granted_alloc(struct granted_page *pages, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        pages[i] =
            (struct granted_page){frame_alloc(0, FRAME_ZEROED, FRAME_KERNEL), GRANTED_NONE, false};
        if (pages[i].pfn.n != PFN_INVALID.n)
            continue;
        while (i--)
            frame_free(pages[i].pfn, 0);
        return false;
    }
    return true;
}

int granted_give(struct granted_page *p, u32 domain, enum pv_grant_kind kind)
{
    const int ref = pv_grant_access(domain, p->pfn, kind);

    if (ref < 0)
        return ref;
    p->ref = ref;
    p->usable = true;
    return 0;
}

static bool take_back(struct granted_page *p)
{
    p->usable = false;
    if (p->ref != GRANTED_NONE && pv_grant_end((u32)p->ref) == -EBUSY)
        return false;
    p->ref = GRANTED_NONE;
    return true;
}

u32 granted_take_back(struct granted_page *pages, u32 count)
{
    u32 busy = 0;

    for (u32 i = 0; i < count; i++)
        busy += !take_back(&pages[i]);
    return busy;
}

u32 granted_give_all(struct granted_page *pages, u32 count, u32 domain, u32 before,
                     enum pv_grant_kind kind)
{
    u32 usable = 0;

    for (u32 i = 0; i < count; i++) {
        if (take_back(&pages[i]))
            usable += !granted_give(&pages[i], domain, kind);
        else
            usable += pages[i].usable = domain == before;
    }
    return usable;
}

void granted_forget(struct granted_page *pages, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        pages[i].ref = GRANTED_NONE;
        pages[i].usable = false;
    }
}
