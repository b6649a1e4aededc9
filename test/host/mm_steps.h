/* SPDX-License-Identifier: MIT */
/*
 * One random step in the use of mm/, for a test and a fuzzer. One byte selects the action, two the
 * address; a plain model is compared with mm/'s walker and with a hardware walk.
 */
#ifndef TEST_HOST_MM_STEPS_H
#define TEST_HOST_MM_STEPS_H

#include "pv/pv.h"
#include "fake_mmu.h"

enum { STEP_PAGES = 560, STEP_RUN = 64, STEP_ORDER = 7 };
#define STEP_VA 0x7fffe00000ull /* crosses a boundary of level-3 tables */

static struct mm_space step_space;
static pfn_t step_frames;          /* the first of 128 */
static u32 step_model[STEP_PAGES]; /* frame + 1, and bit 31: writable */
static bool step_lazy, step_bad;
static u64 step_free;

#define STEP_WRITE (1u << 31)

static bool step_is(u32 page, u32 count, bool mapped)
{
    for (u32 i = 0; i < count; i++)
        if (!step_model[page + i] == mapped)
            return false;
    return true;
}

static __unused void steps_begin(void)
{
    fake_reset();
    step_free = frames_free();
    memset(step_model, 0, sizeof(step_model));
    step_frames = frame_alloc(STEP_ORDER, 0, FRAME_KERNEL);
    step_lazy = false;
    step_bad = mm_space_create(&step_space) != 0;
}

static void step_change(u8 what, u32 page, u32 count, u32 prot)
{
    const u64 va = STEP_VA + page * PAGE_SIZE;
    const bool fits = step_is(page, count, what != 0);
    int error;

    if (what == 0)
        error = mm_map(&step_space, va, PFN(step_frames.n + page % 64), count, prot);
    else if (what == 1)
        error = mm_unmap(&step_space, va, count);
    else
        error = mm_protect(&step_space, va, count, prot);
    step_bad |= error != (fits ? 0 : what ? -ENOENT : -EEXIST);
    for (u32 i = 0; fits && i < count; i++)
        step_model[page + i] =
            what == 1 ? 0
                      : (what ? step_model[page + i] & ~STEP_WRITE : page % 64 + i + 1) |
                            (prot ? STEP_WRITE : 0);
}

static __unused void step(u8 what, u16 where, u8 size)
{
    const u32 page = where % STEP_PAGES, count = 1 + size % MIN(STEP_RUN, STEP_PAGES - page);

    if (step_lazy && what % 8 < 5)
        pv_lazy_flush(); /* otherwise a second mapping would not always be detected */
    switch (what % 8) {
    case 0:
    case 1:
        step_change(0, page, count, what & 8 ? MM_WRITE : 0);
        break;
    case 2:
    case 3:
        step_change(1, page, count, 0);
        break;
    case 4:
        step_change(2, page, count, what & 8 ? MM_WRITE : 0);
        break;
    case 5:
        step_bad |= mm_space_activate(&step_space) != 0;
        break;
    case 6:
        step_bad |= mm_space_activate(&mm_kernel) != 0;
        break;
    default:
        step_lazy ? pv_lazy_leave() : pv_lazy_enter();
        step_lazy = !step_lazy;
    }
}

/* Return whether model, walker and hardware walk agree about every page. */
static __unused bool steps_agree(void)
{
    fake_check();
    for (u32 page = 0; page < STEP_PAGES; page++) {
        const u64 va = STEP_VA + page * PAGE_SIZE, entry = fake_walk(step_space.root, va);
        const u32 want = step_model[page];
        struct mm_mapping m = {0};

        if (mm_query(&step_space, va, &m) != (want != 0) || !entry != !want)
            return false;
        if (want && (m.pfn.n != step_frames.n + (want & ~STEP_WRITE) - 1 ||
                     value_pfn(pv_pte_val((pte_t){entry})).n != m.pfn.n ||
                     !(entry & PTE_WRITE) != !(want & STEP_WRITE) ||
                     m.prot != (want & STEP_WRITE ? (u32)MM_WRITE : 0)))
            return false;
    }
    return !step_bad;
}

/* Destroy the space. Return whether every frame was freed. */
static __unused bool steps_end(void)
{
    bool ok = true;

    if (step_lazy)
        pv_lazy_leave();
    ok = steps_agree() && mm_space_activate(&mm_kernel) == 0 && mm_space_destroy(&step_space) == 0;
    frame_free(step_frames, STEP_ORDER);
    return ok && frames_free() == step_free;
}

#endif
