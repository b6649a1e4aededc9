/* Memory that goes back to the hypervisor while another CPU uses it. */
#include "lib/string.h"
#include "mm/frame.h"
#include "test/cpus.h"

/*
 * Memory behind a frame is exchanged while another CPU has the frame's translation in its TLB. That
 * CPU takes no interrupt in between, which might flush it, and reads the frame before and after.
 */
static struct spinlock not_preempted = SPINLOCK("test exchange");

static struct exchange {
    volatile u64 *word;
    bool read_once, exchanged;
    u64 before, after;
} exchange;

static void read_around(void *arg)
{
    struct exchange *x = arg;

    x->before = *x->word;
    __atomic_store_n(&x->read_once, true, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&x->exchanged, __ATOMIC_SEQ_CST))
        __builtin_ia32_pause();
    x->after = *x->word;
}

static bool by_exchange(pfn_t first)
{
    return pv_make_contiguous(first, 0, 40) == 0;
}

/* Returns whether the frame has other memory than before. */
static bool exchange_once(pfn_t first, bool (*way)(pfn_t first), u64 mark)
{
    struct call call = {.fn = read_around, .arg = &exchange};
    const mfn_t before = pv_pfn_to_mfn(first);

    exchange = (struct exchange){.word = pfn_to_va(first)};
    *exchange.word = ~mark;
    EXPECT_EQ(smp_call_async(1, &call), 0);
    while (!__atomic_load_n(&exchange.read_once, __ATOMIC_SEQ_CST))
        __builtin_ia32_pause();
    spin_lock(&not_preempted);
    EXPECT(way(first));
    *exchange.word = mark;
    spin_unlock(&not_preempted);
    __atomic_store_n(&exchange.exchanged, true, __ATOMIC_SEQ_CST);
    smp_call_wait(&call);
    EXPECT_EQ(exchange.before, ~mark);
    EXPECT_EQ(exchange.after, mark);
    return pv_pfn_to_mfn(first).n != before.n;
}

/* moves: other memory shows as another machine frame. */
static void exchange_memory(bool (*way)(pfn_t first), bool moves)
{
    const pfn_t first = frame_alloc(2, 0, FRAME_KERNEL);
    u32 moved = 0;

    REQUIRE(first.n != PFN_INVALID.n);
    for (u64 i = 1; i <= 20; i++)
        moved += exchange_once(first, way, i);
    EXPECT(moved || !moves);
    frame_free(first, 2);
}

static bool has_machine_frames(void)
{
    return !strcmp(pv_backend_name(), "xen-pv");
}

TEST(mm_smp, no_cpu_keeps_memory_that_was_exchanged, make_contiguous)
{
    NEEDS_CPUS(2);
    exchange_memory(by_exchange, has_machine_frames());
}
