/* SPDX-License-Identifier: MIT */
/*
 * CPUs under stress: no call between CPUs is lost, the clock is monotonic across them, no CPU uses
 * a flushed translation, also while a CPU goes offline and online, and no interrupt line is bound
 * twice.
 */
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "mm/vmap.h"
#include "test/harness/cpus.h"

/*
 * Every CPU calls every CPU, itself included, again as soon as the previous call has completed.
 * Calls are counted by caller and target, where they are sent and where they run. A lost call makes
 * the test wait until the run's time limit.
 */
#define IN_FLIGHT 8 /* calls in flight from one CPU to another */

/* Of each caller to each target. Allocated, because the image has to end below 8 MiB. */
typedef struct call calls_of_caller[PV_CPUS_MAX][IN_FLIGHT];
static calls_of_caller *calls;
static u64 asked[STRESS_CPUS][PV_CPUS_MAX], done[STRESS_CPUS][PV_CPUS_MAX];

static void count_done(void *arg)
{
    __atomic_fetch_add((u64 *)arg + pv_this_cpu(), 1, __ATOMIC_SEQ_CST);
}

struct caller {
    struct stress stress; /* one round is one call */
    u32 me;
    bool any, over;
};

static void send_call(struct caller *a, u32 cpu, struct call *call)
{
    if (a->over || __atomic_load_n(&call->state, __ATOMIC_SEQ_CST) != CALL_DONE)
        return;
    a->over = !stress_continues(&a->stress);
    if (a->over)
        return;
    a->any = true;
    *call = (struct call){.fn = count_done, .arg = done[a->me]};
    asked[a->me][cpu] += !smp_call_async(cpu, call);
}

static void send_to_each(struct caller *a)
{
    a->any = false;
    for (u32 cpu = 0; cpu < smp_online_count(); cpu++)
        for (u32 i = 0; i < IN_FLIGHT; i++)
            send_call(a, cpu, &calls[a->me][cpu][i]);
}

/* Sleep when no call has completed, because the CPU may have to run the calls of others. */
static void send_calls(void *arg)
{
    const u32 count = smp_online_count();
    struct caller a = {.me = pv_this_cpu()};

    (void)arg;
    a.stress = (struct stress){.normal = 10000};
    for (u32 turn = 0; !a.over; turn++) {
        send_to_each(&a);
        if (turn % 16 == 0)
            smp_call_wait(&calls[a.me][turn / 16 % count][0]);
        else if (!a.any)
            sleep_until(pv_clock_ns() + 50 * NS_PER_US);
    }
    for (u32 cpu = 0; cpu < count; cpu++)
        for (u32 i = 0; i < IN_FLIGHT; i++)
            smp_call_wait(&calls[a.me][cpu][i]);
}

static u64 print_calls(u32 from)
{
    u64 sum = 0, received = 0;

    for (u32 to = 0; to < smp_online_count(); to++) {
        EXPECT(asked[from][to]);
        EXPECT_EQ(done[from][to], asked[from][to]);
        sum += asked[from][to];
        received += done[from][to];
    }
    print("# CPU %u: %llu calls asked of all CPUs, %llu done there\n", from,
          (unsigned long long)sum, (unsigned long long)received);
    return received;
}

static u64 ipis_taken(void)
{
    u64 sum = 0;

    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        sum += cpus[cpu].irqs.ipis;
    return sum;
}

SOAK_TEST(smp, no_call_is_lost, send_ipi)
{
    const u64 ipis = ipis_taken();
    struct workers workers;
    u64 sum = 0;

    calls = vmalloc(STRESS_CPUS * sizeof(*calls));
    REQUIRE(calls);
    memset(calls, 0, STRESS_CPUS * sizeof(*calls));
    memset(asked, 0, sizeof(asked));
    memset(done, 0, sizeof(done));
    workers_start(&workers, 0, stress_cpus(), send_calls, NULL, 0);
    workers_join(&workers);
    vfree(calls);
    for (u32 i = 0; i < workers.count; i++)
        sum += print_calls(i);
    print("# %llu calls between all pairs, %llu IPIs\n", (unsigned long long)sum,
          (unsigned long long)(ipis_taken() - ipis));
}

#define READINGS_MIN 60 /* on each CPU, however slow the lock's handover is */

/*
 * Clock readings under a lock: each must be later than the one before it, on whichever CPU that
 * was.
 */
static struct {
    struct spinlock lock;
    u64 last, readings, backwards;
} reading = {.lock = SPINLOCK("test clock")};

static void read_clock(void *arg)
{
    struct stress stress = {.normal = 1000};

    (void)arg;
    for (u32 i = 0; stress_continues(&stress) || i < READINGS_MIN; i++) {
        u64 now;

        spin_lock(&reading.lock);
        now = pv_clock_ns();
        reading.backwards += now < reading.last;
        reading.last = now;
        reading.readings++;
        spin_unlock(&reading.lock);
    }
}

SOAK_TEST(smp, clock_never_goes_back_between_cpus, clock_ns)
{
    struct workers workers;

    reading.readings = reading.backwards = reading.last = 0;
    workers_start(&workers, 0, stress_cpus(), read_clock, NULL, 0);
    workers_join(&workers);
    EXPECT(reading.readings >= (u64)workers.count * READINGS_MIN);
    EXPECT_EQ(reading.backwards, 0);
    print("# %llu readings on %u CPUs\n", (unsigned long long)reading.readings, workers.count);
}

/*
 * A word that all other CPUs read while its page changes. Each new page has a higher number; once
 * the others have been flushed, none may read a lower one.
 */
static struct {
    const u64 *word;
    u64 least;
    bool over;
} shown;

struct reader {
    u64 reads, stale;
};

static void read_continuously(void *arg)
{
    struct reader *r = arg;

    while (!READ_ONCE(shown.over)) {
        const u64 least = __atomic_load_n(&shown.least, __ATOMIC_SEQ_CST);
        const u64 seen = READ_ONCE(*shown.word);

        r->stale += seen < least;
        WRITE_ONCE(r->reads, r->reads + 1);
    }
}

/* Wait until each reader has read twice more, so that its TLB has the translation. */
static void wait_read(const struct reader *readers, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const u64 before = READ_ONCE(readers[i].reads);

        while (READ_ONCE(readers[i].reads) < before + 2)
            __builtin_ia32_pause();
    }
}

/*
 * Map the next page by changing the entry itself, so that only the flush below reaches other TLBs.
 * Interrupts are disabled, because flush_tlb_others excludes the CPU on which it is called.
 */
static void show_page(pfn_t page, u64 number)
{
    const u64 va = (u64)shown.word;

    *(volatile u64 *)pfn_to_va(page) = number;
    pv_irq_disable();
    pv_set_pte(&mm_slot(&mm_kernel, va, 1)->pte,
               pv_make_pte(pte_value(page, PTE_PRESENT | PTE_NX)));
    pv_flush_tlb_one(va);
    EXPECT_EQ(pv_flush_tlb_others(online_cpus(), number % 3 ? va : ~0ull), 0);
    pv_irq_enable();
    __atomic_store_n(&shown.least, number, __ATOMIC_SEQ_CST);
}

SOAK_TEST(smp, no_cpu_keeps_a_translation_that_was_flushed, flush_tlb_others)
{
    struct stress stress = {.normal = 500};
    struct reader readers[STRESS_CPUS] = {{0}};
    u64 reads = 0, stale = 0;
    struct workers workers;
    pfn_t pages[2];

    NEEDS_CPUS(2);
    for (u32 i = 0; i < 2; i++) {
        pages[i] = frame_alloc(0, FRAME_ZEROED, FRAME_KERNEL);
        REQUIRE(pages[i].n != PFN_INVALID.n);
    }
    shown.word = (const u64 *)(VMAP_END - MIB(64));
    shown.least = 0;
    shown.over = false;
    REQUIRE(mm_map(&mm_kernel, (u64)shown.word, pages[0], 1, 0) == 0);
    workers_start(&workers, 1, stress_cpus(), read_continuously, readers, sizeof(readers[0]));
    while (stress_continues(&stress)) {
        show_page(pages[stress.done % 2], stress.done);
        wait_read(readers, workers.count);
    }
    WRITE_ONCE(shown.over, true);
    workers_join(&workers);
    for (u32 i = 0; i < workers.count; i++) {
        reads += readers[i].reads;
        stale += readers[i].stale;
    }
    EXPECT_EQ(stale, 0);
    print("# %u pages shown to %u CPUs in %llu reads\n", stress.done, workers.count,
          (unsigned long long)reads);
    EXPECT_EQ(mm_unmap(&mm_kernel, (u64)shown.word, 1), 0);
    frame_free(pages[0], 0);
    frame_free(pages[1], 0);
}

/*
 * One CPU goes offline and online while all others send IPIs and calls to it, flush it and start
 * threads there. Each request is served or refused with the error for an offline CPU.
 */
static u32 target;
static bool senders_stop;

struct sender {
    u64 calls, called, refused, threads, ran, wrong;
};

static void count_called(void *arg)
{
    ((struct sender *)arg)->called += pv_this_cpu() == target;
}

static void count_ran(void *arg)
{
    ((struct sender *)arg)->ran += pv_this_cpu() == target;
}

static void count_result(struct sender *p, int error, int when_down)
{
    p->refused += error == when_down;
    p->wrong += error && error != when_down;
}

static void start_thread_there(struct sender *p)
{
    struct thread *t = thread_start("guest", target, count_ran, p);

    if (!t)
        return;
    p->threads++;
    thread_join(t);
}

static void send_to_target(void *arg)
{
    struct sender *p = arg;

    for (u32 i = 0; !READ_ONCE(senders_stop); i++) {
        const int error = smp_call(target, count_called, p);

        p->calls += !error;
        count_result(p, error, -EINVAL);
        count_result(p, pv_send_ipi(target, (enum pv_ipi)(i % PV_NR_IPIS)), -EINVAL);
        INTERRUPTS_OFF
        count_result(p, pv_flush_tlb_others(1ull << target, ~0ull), -ENODEV);
        if (i % 16 == 0)
            start_thread_there(p);
    }
}

/* Run on any CPU, also on the one that is about to go offline. */
static void wander(void *arg)
{
    while (!READ_ONCE(senders_stop)) {
        (*(u64 *)arg)++;
        sleep_until(pv_clock_ns() + 20 * NS_PER_US);
    }
}

static void wait_for_a_call(void)
{
    const u64 before = READ_ONCE(cpus[target].calls_run);

    while (READ_ONCE(cpus[target].calls_run) == before)
        sleep_until(pv_clock_ns() + 50 * NS_PER_US);
}

/*
 * smp_down must not starve while other threads keep starting threads on the CPU, not even with two
 * CPUs, where the sender and this thread share CPU 0 and this one runs only while the sender joins
 * such a thread.
 */
static bool down_and_up(void)
{
    wait_for_a_call();
    return EXPECT_EQ(smp_down(target), 0) && EXPECT(!pv_cpu_is_up(target)) &&
           EXPECT_EQ(pv_send_ipi(target, PV_IPI_CALL), -EINVAL) && EXPECT_EQ(smp_up(target), 0);
}

static void print_sender(u32 cpu, const struct sender *p)
{
    EXPECT_EQ(p->called, p->calls);
    EXPECT_EQ(p->ran, p->threads);
    EXPECT_EQ(p->wrong, 0);
    print(
        "# CPU %u: %llu calls and %llu threads there, all done; %llu requests refused (offline)\n",
        cpu, (unsigned long long)p->calls, (unsigned long long)p->threads,
        (unsigned long long)p->refused);
}

SOAK_TEST(smp, cpu_goes_offline_while_others_send, cpu_down, cpu_up, cpu_leave, send_ipi)
{
    struct stress stress = {.normal = 10};
    struct sender senders[STRESS_CPUS] = {{0}};
    struct thread *wanderers[3];
    u64 steps[3] = {0};
    struct workers workers;

    NEEDS_CPUS(2);
    target = MIN(smp_online_count(), STRESS_CPUS + 1) - 1;
    senders_stop = false;
    for (u32 i = 0; i < ARRAY_SIZE(wanderers); i++)
        wanderers[i] = thread_start("wanderer", THREAD_ANY_CPU, wander, &steps[i]);
    workers_start(&workers, 0, target, send_to_target, senders, sizeof(senders[0]));
    while (stress_continues(&stress) && down_and_up())
        ;
    WRITE_ONCE(senders_stop, true);
    workers_join(&workers);
    for (u32 i = 0; i < workers.count; i++)
        print_sender(i, &senders[i]);
    for (u32 i = 0; i < ARRAY_SIZE(wanderers); i++) {
        thread_join(wanderers[i]);
        EXPECT(steps[i]);
    }
    print("# CPU %u went offline and online %u times\n", target, stress.done);
}

/* All CPUs bind lines at once: no two get the same line. */
static u8 taken[8192];

struct binder {
    u32 bound, twice;
};

static void bind_and_unbind(void *arg)
{
    struct stress stress = {.normal = 500};
    struct binder *b = arg;

    while (stress_continues(&stress)) {
        const int line = pv_irq_bind(PV_IRQ_SOFT, 0);

        if (line < 0 || line >= (int)ARRAY_SIZE(taken))
            continue;
        b->bound++;
        b->twice += __atomic_exchange_n(&taken[line], 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&taken[line], 0, __ATOMIC_SEQ_CST);
        b->twice += pv_irq_unbind((u32)line) != 0;
    }
}

SOAK_TEST(smp, no_line_is_bound_twice, irq_bind, irq_unbind)
{
    struct binder binders[STRESS_CPUS] = {{0}};
    struct workers workers;

    workers_start(&workers, 0, stress_cpus(), bind_and_unbind, binders, sizeof(binders[0]));
    workers_join(&workers);
    for (u32 i = 0; i < workers.count; i++) {
        EXPECT(binders[i].bound);
        EXPECT_EQ(binders[i].twice, 0);
    }
    print("# CPU 0 bound %u lines\n", binders[0].bound);
}

/*
 * An interrupt that was raised before its line was unbound is not delivered to the next line with
 * that number.
 */
static u32 ended;

static void raise_and_end(void *arg)
{
    const int line = pv_irq_bind(PV_IRQ_SOFT, 0);

    (void)arg;
    EXPECT(line >= 0);
    EXPECT_EQ(pv_irq_unmask((u32)line), 0);
    EXPECT_EQ(pv_irq_raise((u32)line), 0);
    EXPECT_EQ(pv_irq_unbind((u32)line), 0);
    WRITE_ONCE(ended, (u32)line + 1);
    while (READ_ONCE(ended))
        __builtin_ia32_pause();
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void expect_own_interrupts_only(struct test_line *line)
{
    EXPECT_EQ(line->hits, 0);
    EXPECT_EQ(pv_irq_raise(line->line), 0);
    EXPECT(test_line_hits(line, 1));
    test_line_close(line);
}

/*
 * The number is reused at once. Where the hypervisor still has the unbound line's interrupt queued
 * (FIFO event channels), it is reused as soon as CPU 1 has taken that interrupt from the queue.
 */
TEST(smp, unbound_line_delivers_nothing_on_any_cpu, irq_unbind, irq_bind)
{
    struct call call = {.fn = raise_and_end};
    struct test_line at_once = {0}, later = {0};
    u32 number;

    NEEDS_CPUS(2);
    ended = 0;
    REQUIRE(smp_call_async(1, &call) == 0);
    while (!READ_ONCE(ended))
        __builtin_ia32_pause();
    number = ended - 1;
    EXPECT(test_line_open(&at_once));
    WRITE_ONCE(ended, 0);
    smp_call_wait(&call);
    EXPECT_EQ(smp_call(1, do_nothing, NULL), 0);
    EXPECT(test_line_open(&later));
    EXPECT(at_once.line == number || later.line == number);
    expect_own_interrupts_only(&at_once);
    expect_own_interrupts_only(&later);
}
