/* SPDX-License-Identifier: MIT */
/*
 * Memory that is returned to the hypervisor, or exchanged, while another CPU has its translation.
 */
#include "lib/string.h"
#include "mm/frame.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"

/*
 * The memory of a frame is exchanged while another CPU has the frame's translation in its TLB. That
 * CPU reads the frame before and after, and takes no interrupt in between, which could flush its
 * TLB.
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

/* Exchange the memory of a frame, and return whether the frame has other memory than before. */
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

/* If moves is true, other memory is visible as another machine frame. */
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
    return on_xen_pv();
}

TEST(mm_smp, no_cpu_keeps_memory_that_was_exchanged, make_contiguous)
{
    NEEDS_CPUS(2);
    exchange_memory(by_exchange, has_machine_frames());
}

/*
 * A frame is given to the hypervisor and taken back while another CPU has its translation in its
 * TLB. In between that CPU reads through it: once the kernel's mapping is removed, no TLB may still
 * have it.
 */
enum turn {
    FILL_TLB,
    READ_GIVEN,
    READ_TAKEN,
    OVER,
};
#define ASKED(turn)    ((turn)*2 + 1)
#define ANSWERED(turn) ((turn)*2 + 2)

static struct {
    u64 va, turn;
    struct {
        u64 value;
        bool done;
    } reads[OVER];
} given;

static void read_in_turn(void *arg)
{
    (void)arg;
    for (u64 turn = FILL_TLB; turn < OVER; turn++) {
        struct fault fault;

        while (__atomic_load_n(&given.turn, __ATOMIC_SEQ_CST) != ASKED(turn))
            __builtin_ia32_pause();
        given.reads[turn].done = try_read(given.va, &given.reads[turn].value, &fault);
        __atomic_store_n(&given.turn, ANSWERED(turn), __ATOMIC_SEQ_CST);
    }
}

/* Let the other CPU read, and wait until it has done so. */
static void let_read(enum turn turn)
{
    __atomic_store_n(&given.turn, ASKED(turn), __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&given.turn, __ATOMIC_SEQ_CST) != ANSWERED(turn))
        __builtin_ia32_pause();
}

/*
 * Return 1, or 0 if the hypervisor did not give the frame back, so that it must not be used, or
 * -ENODEV.
 */
static s64 give_and_take(pfn_t frame, u64 mark)
{
    volatile u64 *const word = pfn_to_va(frame);
    struct call call = {.fn = read_in_turn};
    s64 there;

    memset(&given, 0, sizeof(given));
    given.va = (u64)word;
    *word = ~mark;
    EXPECT_EQ(smp_call_async(1, &call), 0);
    let_read(FILL_TLB);
    spin_lock(&not_preempted);
    there = pv_balloon_adjust(frame, 1, true);
    let_read(READ_GIVEN);
    if (there >= 0)
        there = pv_balloon_adjust(frame, 1, false);
    if (there == 1)
        *word = mark;
    let_read(READ_TAKEN);
    spin_unlock(&not_preempted);
    smp_call_wait(&call);
    EXPECT_EQ(given.reads[FILL_TLB].value, ~mark);
    EXPECT(!has_machine_frames() || !given.reads[READ_GIVEN].done);
    EXPECT(there != 1 || given.reads[READ_TAKEN].value == mark);
    return there;
}

TEST(mm_smp, no_cpu_reaches_memory_that_was_released, balloon_adjust)
{
    pfn_t frame;
    s64 there = 1;

    NEEDS_CPUS(2);
    frame = frame_alloc(0, 0, FRAME_KERNEL);
    REQUIRE(frame.n != PFN_INVALID.n);
    for (u64 mark = 1; mark <= 20 && there == 1; mark++)
        there = give_and_take(frame, mark);
    REQUIRE(there);
    frame_free(frame, 0);
    if (there < 0)
        SKIP("no hypervisor, so no balloon");
}
