/* SPDX-License-Identifier: MIT */
/* Memory management from all CPUs at once: nothing is lost, and nothing is allocated twice. */
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "mm/heap.h"
#include "mm/vmap.h"
#include "test/harness/cpus.h"
#include "test/harness/lines.h"
#include "test/harness/mm_util.h"

enum { WORKERS = 4, SLOTS = 16, STRIDE = 64 };

/*
 * Slots that all workers share: each takes a block out of a slot, checks that it is still filled
 * with its mark, frees it, and puts a new one in. So most blocks are freed on another CPU than the
 * one that allocated them, and an overlap or a stale translation is visible as a wrong mark.
 */
struct block {
    u64 *words;
    u64 count, mark;
};
static struct block slots[SLOTS];
static struct spinlock slots_lock = SPINLOCK("test slots");
static u64 damaged;
static void *(*allocate)(u64 size);
static void (*release)(void *p, u64 size);
static u64 largest;
static u32 rounds;
static u32 here; /* workers that have started: they wait for each other */

static void wait_for_workers(u32 count)
{
    __atomic_fetch_add(&here, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&here, __ATOMIC_SEQ_CST) < count)
        thread_yield();
}

static struct block swap_block(u32 i, struct block with)
{
    struct block was;

    spin_lock(&slots_lock);
    was = slots[i];
    slots[i] = with;
    spin_unlock(&slots_lock);
    return was;
}

static void fill_block(struct block *b)
{
    for (u64 i = 0; i < b->count; i += STRIDE)
        b->words[i] = b->mark + i;
}

static void check_and_free(const struct block *b)
{
    u64 wrong = 0;

    if (!b->words)
        return;
    for (u64 i = 0; i < b->count; i += STRIDE)
        wrong += READ_ONCE(b->words[i]) != b->mark + i;
    if (wrong)
        __atomic_fetch_add(&damaged, 1, __ATOMIC_SEQ_CST);
    release(b->words, b->count * 8);
}

static void exchange_blocks(void *arg)
{
    struct stress stress = {.normal = rounds};
    u64 random = 1 + (u64)arg;

    wait_for_workers(WORKERS);
    while (stress_continues(&stress)) {
        struct block b = {.count = 2 + (random_next(&random) >> 33) % (largest / 8 - 2)}, was;

        b.words = allocate(b.count * 8);
        b.mark = random_next(&random);
        if (b.words)
            fill_block(&b);
        was = swap_block((u32)(random_next(&random) >> 40) % SLOTS, b);
        check_and_free(&was);
    }
}

static void from_all_cpus(void *(*get)(u64 size), void (*put)(void *p, u64 size), u64 most,
                          u32 count)
{
    struct thread *workers[WORKERS];
    const u64 free = frames_free(), objects = heap_objects();

    allocate = get;
    release = put;
    largest = most;
    rounds = count;
    damaged = here = 0;
    for (u32 i = 0; i < WORKERS; i++) {
        workers[i] =
            thread_start("allocator", i % smp_online_count(), exchange_blocks, (void *)(u64)i);
        REQUIRE(workers[i]);
    }
    for (u32 i = 0; i < WORKERS; i++)
        thread_join(workers[i]);
    for (u32 i = 0; i < SLOTS; i++) {
        const struct block was = swap_block(i, (struct block){0});

        check_and_free(&was);
    }
    EXPECT_EQ(damaged, 0);
    EXPECT_EQ(frames_free(), free);
    EXPECT_EQ(heap_objects(), objects);
}

static u32 order_of(u64 size)
{
    u32 order = 0;

    while (PAGE_SIZE << order < size)
        order++;
    return order;
}

static void *get_frames(u64 size)
{
    const pfn_t pfn = frame_alloc(order_of(size), 0, FRAME_KERNEL);

    return pfn.n == NO_PFN ? NULL : pfn_to_va(pfn);
}

static void put_frames(void *p, u64 size)
{
    frame_free(va_to_pfn(p), order_of(size));
}

SOAK_TEST(mm_smp, frames_are_allocated_and_freed_on_all_cpus)
{
    const int largest_free = largest_order_once_open();

    from_all_cpus(get_frames, put_frames, 5 * PAGE_SIZE, 3000);
    EXPECT_EQ(frames_largest_order(), largest_free);
}

static void put_heap(void *p, u64 size)
{
    (void)size;
    kfree(p);
}

SOAK_TEST(mm_smp, heap_serves_all_cpus)
{
    from_all_cpus(kmalloc, put_heap, 200, 3000);
}

static void *get_vmalloc(u64 size)
{
    return vmalloc(size);
}

static void put_vmalloc(void *p, u64 size)
{
    (void)size;
    vfree(p);
}

/*
 * An address is reused for other frames many times: no CPU may use an old translation. Few rounds,
 * because each waits for all CPUs, which the host may run one after the other.
 */
SOAK_TEST(mm_smp, vmalloc_serves_all_cpus, flush_tlb_others)
{
    from_all_cpus(get_vmalloc, put_vmalloc, 2 * PAGE_SIZE, 12);
}

/* Each worker maps and unmaps pages of its own in tables that all share. */
static struct mm_space shared;
static pfn_t shared_frame;

static void map_and_unmap(void *arg)
{
    struct stress stress = {.normal = 3000};
    u64 wrong = 0;

    wait_for_workers(WORKERS);
    while (stress_continues(&stress)) {
        const u64 va = USER_VA + (stress.done % 4 * MIB(2)) + (u64)arg * PAGE_SIZE;

        wrong += mm_map(&shared, va, shared_frame, 1, 0) != 0;
        wrong += mm_unmap(&shared, va, 1) != 0;
    }
    __atomic_fetch_add(&damaged, wrong, __ATOMIC_SEQ_CST);
}

SOAK_TEST(mm_smp, one_space_serves_all_cpus)
{
    struct thread *workers[WORKERS];

    damaged = here = 0;
    shared_frame = marked_frame(3);
    REQUIRE(mm_space_create(&shared) == 0);
    for (u32 i = 0; i < WORKERS; i++) {
        workers[i] = thread_start("mapper", i % smp_online_count(), map_and_unmap, (void *)(u64)i);
        REQUIRE(workers[i]);
    }
    for (u32 i = 0; i < WORKERS; i++)
        thread_join(workers[i]);
    EXPECT_EQ(damaged, 0);
    EXPECT(has_no_tables(&shared));
    EXPECT_EQ(mm_space_destroy(&shared), 0);
    frame_free(shared_frame, 0);
}

/* Two threads that share a CPU have different spaces: the same address has another page in each. */
static struct visit {
    struct mm_space space;
    pfn_t frame;
    u64 mark, wrong;
    int error, busy;
} visits[2];

static void visit(void *arg)
{
    struct visit *v = arg;

    v->error = mm_space_activate(&v->space);
    wait_for_workers(2);
    for (u32 i = 0; !v->error && i < 50; i++) {
        u64 seen = 0;

        if (copy_from_user(&seen, USER_VA, sizeof(seen)) || seen != v->mark)
            v->wrong++;
        thread_yield();
    }
    v->busy = mm_space_destroy(&v->space);
}

TEST(mm_smp, spaces_follow_threads, write_cr3)
{
    struct thread *threads[2];
    const u64 free = frames_free();

    here = 0;
    for (u32 i = 0; i < 2; i++) {
        struct visit *v = &visits[i];

        *v = (struct visit){.mark = 0x1000 + i, .frame = marked_frame(0x1000 + i)};
        REQUIRE(mm_space_create(&v->space) == 0);
        REQUIRE(mm_map(&v->space, USER_VA, v->frame, 1, 0) == 0);
    }
    for (u32 i = 0; i < 2; i++) {
        threads[i] = thread_start("visitor", smp_online_count() - 1, visit, &visits[i]);
        REQUIRE(threads[i]);
    }
    for (u32 i = 0; i < 2; i++) {
        thread_join(threads[i]);
        EXPECT_EQ(visits[i].error, 0);
        EXPECT_EQ(visits[i].wrong, 0);
        EXPECT_EQ(visits[i].busy, -EBUSY);
        EXPECT_EQ(mm_space_destroy(&visits[i].space), 0);
        frame_free(visits[i].frame, 0);
    }
    EXPECT_EQ(frames_free(), free);
}

/* Change the page of a mapping by ops: another thread's open lazy section must not delay it. */
static void change_page(void *arg)
{
    pte_t *slot = &mm_slot(&mm_kernel, TEST_VA, 1)->pte;
    const struct visit *v = arg;

    spin_lock(&slots_lock); /* keeps this thread on its CPU */
    pv_set_pte(slot, pv_make_pte(pte_value(v->frame, PTE_PRESENT | PTE_GLOBAL | PTE_NX)));
    pv_flush_tlb_one(TEST_VA);
    visits[0].wrong = *(const volatile u64 *)TEST_VA != v->mark;
    spin_unlock(&slots_lock);
}

/* Return the hypercalls that one change takes: none inside a lazy section. */
static u64 updates_for_change(const struct visit *v)
{
    pte_t *slot = &mm_slot(&mm_kernel, TEST_VA, 1)->pte;
    u64 before, after;

    pv_hypercall_count(&before);
    pv_set_pte(slot, pv_make_pte(pte_value(v->frame, PTE_PRESENT | PTE_GLOBAL | PTE_NX)));
    pv_hypercall_count(&after);
    return after - before;
}

TEST(mm_smp, lazy_sections_belong_to_threads, context_switch_start, context_switch_end)
{
    const pfn_t first = marked_frame(1);
    struct thread *thread;

    visits[0] = (struct visit){.mark = 2, .frame = marked_frame(2), .wrong = 9};
    REQUIRE(mm_map(&mm_kernel, TEST_VA, first, 1, 0) == 0);
    INTERRUPTS_OFF
    pv_lazy_enter();
    thread = thread_start("not lazy", 0, change_page, &visits[0]);
    if (EXPECT(thread))
        thread_join(thread);
    INTERRUPTS_OFF
    {
        EXPECT_EQ(updates_for_change(&visits[0]), 0);
        pv_lazy_leave();
    }
    EXPECT_EQ(visits[0].wrong, 0);
    EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA, 1), 0);
    frame_free(first, 0);
    frame_free(visits[0].frame, 0);
}

/* Another CPU has cached translations of pages at TEST_VA; none may be used after the unmapping. */
static struct {
    u64 count, read; /* bit n: page n was readable */
} looked;

static void look_at_pages(void *arg)
{
    (void)arg;
    looked.read = 0;
    for (u64 i = 0; i < looked.count; i++) {
        struct fault fault;
        u64 value;

        if (try_read(TEST_VA + i * PAGE_SIZE, &value, &fault))
            looked.read |= 1ull << i;
    }
}

TEST(mm_smp, unmapped_pages_are_gone_on_other_cpus, flush_tlb_others, flush_tlb_one)
{
    static const u64 counts[] = {1, 2, 4, 15, 16, 17, 40};

    NEEDS_CPUS(2);
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        looked.count = counts[i];
        REQUIRE(mm_map_new(&mm_kernel, TEST_VA, counts[i], 0, 0, FRAME_KERNEL) == 0);
        EXPECT_EQ(smp_call(1, look_at_pages, NULL), 0);
        EXPECT_EQ(looked.read, (1ull << counts[i]) - 1);
        mm_unmap_free(&mm_kernel, TEST_VA, counts[i]);
        EXPECT_EQ(smp_call(1, look_at_pages, NULL), 0);
        EXPECT_EQ(looked.read, 0);
    }
}
