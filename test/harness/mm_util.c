/* SPDX-License-Identifier: MIT */
/* Accesses, marked frames and caught panics: see test/harness/mm_util.h. */
#include "test/harness/mm_util.h"

bool try_read(u64 va, u64 *value, struct fault *f)
{
    volatile u64 got = 0;

    PV_TRY(*f)
    {
        got = *(const volatile u64 *)va;
    }
    *value = got;
    return !f->caught;
}

bool try_write(u64 va, u64 value, struct fault *f)
{
    PV_TRY(*f)
    {
        *(volatile u64 *)va = value;
    }
    return !f->caught;
}

int largest_order_once_open(void)
{
    const pfn_t pfn = frame_alloc(FRAME_ORDER_MAX, 0, FRAME_KERNEL);

    if (pfn.n != NO_PFN)
        frame_free(pfn, FRAME_ORDER_MAX);
    return frames_largest_order();
}

pfn_t marked_frame(u64 mark)
{
    const pfn_t pfn = frame_alloc(0, 0, FRAME_KERNEL);

    if (pfn.n != NO_PFN)
        for (u64 i = 0; i < PAGE_SIZE / 8; i++)
            ((u64 *)pfn_to_va(pfn))[i] = mark;
    return pfn;
}

u64 frame_mark(pfn_t pfn)
{
    return *(const volatile u64 *)pfn_to_va(pfn);
}

void hold_all_memory(u32 *held)
{
    for (u32 order = FRAME_ORDER_MAX + 1; order-- > 0;)
        for (pfn_t pfn; (pfn = frame_alloc(order, 0, FRAME_KERNEL)).n != NO_PFN;)
            frame_push(held, pfn);
}

void release_memory(u32 *held)
{
    while (*held) {
        const pfn_t pfn = frame_pop(held);

        frame_free(pfn, frame_get(pfn)->order);
    }
}

/* The op costs a guest several exits, and tests ask for every page. */
u64 nx_bit(void)
{
    static struct pv_features features; /* Atomic: each CPU would write the same. */
    static bool known;

    if (!__atomic_load_n(&known, __ATOMIC_ACQUIRE)) {
        pv_cpu_features(&features);
        __atomic_store_n(&known, true, __ATOMIC_RELEASE);
    }
    return features.nx ? PTE_NX : 0;
}

u32 rights_found(u32 prot)
{
    return nx_bit() ? prot : prot | MM_EXEC;
}

bool has_no_tables(const struct mm_space *s)
{
    u64 any = 0;

    for (u32 i = 0; i < PT_USER_SLOTS; i++)
        any |= ((const u64 *)pfn_to_va(s->root))[i];
    return !any;
}

char caught_panic[256];
static char caught_op[64];
static __noreturn void (*real_handler)(const char *op, const char *what);

static void __noreturn catch_panic(const char *op, const char *what)
{
    str_copy(caught_op, op, sizeof(caught_op));
    str_copy(caught_panic, what, sizeof(caught_panic));
    __asm__ volatile("ud2");
    __builtin_unreachable();
}

bool panic_catch_begin(void)
{
    caught_op[0] = '\0';
    real_handler = pv_panic_handler;
    pv_panic_handler = catch_panic;
    return true;
}

bool panic_catch_end(const struct fault *f, const char *op, const char *file, int line)
{
    pv_panic_handler = real_handler;
    return test_expect(f->caught && f->vector == VECTOR_UD && !strcmp(caught_op, op), file, line,
                       "panic of %s expected (op \"%s\", text \"%s\", fault %u, vector %u)", op,
                       caught_op, caught_panic, f->caught, (u32)f->vector);
}

u64 random_next(u64 *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}
