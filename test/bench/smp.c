/* SPDX-License-Identifier: MIT */
/*
 * Costs between CPUs: IPIs, calls, flushes, and contended locks. Part of the payload "bench"
 * (test/bench/bench.h). CPU 0 measures; the others are idle and halted, if the measurement does not
 * say otherwise. Each entry states how many CPUs it needs.
 */
#include "kernel/irq.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "lib/string.h"
#include "test/bench/bench.h"
#include "test/harness/mm_util.h"

static bool has_cpus(u32 count)
{
    return smp_online_count() >= count;
}

static u64 with_cpus(u32 count, void (*loop)(u32))
{
    return has_cpus(count) ? bench_per_call(loop) : bench_none("this machine has too few CPUs");
}

/* The SMP ops that can be called repeatedly, and those that cannot. */
static bool take_nmi(struct trap_frame *frame)
{
    (void)frame;
    return true;
}

static void nmi_loop(u32 count)
{
    for (; count; count--)
        pv_send_nmi(0);
}

BENCH(op, send_nmi, "ticks with its handler, on this CPU")
{
    u64 ticks;

    nmi_hook = take_nmi;
    ticks = bench_per_call(nmi_loop);
    nmi_hook = NULL;
    return ticks;
}

static char text[32];
BENCH_CALL(op, cpu_count, pv_cpu_count())
BENCH_CALL(op, cpu_is_up, pv_cpu_is_up(0))
BENCH_CALL(op, cpu_describe, pv_cpu_describe(0, text, sizeof(text)))
BENCH_NOT(smp_prepare, "once a boot");
BENCH_NOT(cpu_up, "smp.cpu_down_and_up");
BENCH_NOT(cpu_enter, "smp.cpu_down_and_up");
BENCH_NOT(cpu_leave, "smp.cpu_down_and_up");
BENCH_NOT(cpu_down, "smp.cpu_down_and_up");

/* Measured once: on bare metal most of it is the delay that the start-up protocol requires. */
BENCH(smp, cpu_down_and_up, "ticks with all waiting")
{
    u64 start;

    if (!has_cpus(2))
        return bench_none("this machine has too few CPUs");
    pv_irq_enable();
    start = pv_read_tsc();
    if (smp_down(1) || smp_up(1))
        return bench_none("CPU 1 did not come again");
    return pv_read_tsc() - start;
}

/* An IPI to a halted CPU, which replies with an IPI to this CPU, which halts too. */
static void send_answer(void)
{
    if (pv_this_cpu() != 0)
        pv_send_ipi(0, PV_IPI_RESCHEDULE);
}

static void ipi_and_answer_loop(u32 count)
{
    for (; count; count--) {
        const u64 before = READ_ONCE(irq_counts.ipis);

        pv_send_ipi(1, PV_IPI_RESCHEDULE);
        while (READ_ONCE(irq_counts.ipis) == before) {
            pv_safe_halt();
            pv_irq_disable();
        }
    }
}

BENCH(smp, ipi_and_answer, "ticks")
{
    u64 ticks;

    irq_set_ipi_handler(PV_IPI_RESCHEDULE, send_answer);
    ticks = with_cpus(2, ipi_and_answer_loop);
    irq_set_ipi_handler(PV_IPI_RESCHEDULE, NULL);
    return ticks;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

/* Call a function on the first n CPUs, including this one, and wait for it. */
#define BENCH_CALL_MANY(n) \
    static void call_##n##_loop(u32 count) \
    { \
        for (; count; count--) { \
            pv_irq_enable(); \
            smp_call_many((1u << (n)) - 1, do_nothing, NULL); \
            pv_irq_disable(); \
        } \
    } \
    BENCH(smp, call_on_##n##_cpus, "ticks") \
    { \
        return with_cpus(n, call_##n##_loop); \
    }
BENCH_CALL_MANY(1)
BENCH_CALL_MANY(2)
BENCH_CALL_MANY(3)
BENCH_CALL_MANY(4)

/* Flush one page on the first n CPUs. */
#define BENCH_SHOOT_DOWN(n) \
    static void shoot_down_##n##_loop(u32 count) \
    { \
        for (; count; count--) { \
            pv_flush_tlb_one(TEST_VA); \
            pv_flush_tlb_others((1u << (n)) - 1, TEST_VA); \
        } \
    } \
    BENCH(smp, shoot_down_on_##n##_cpus, "ticks") \
    { \
        return with_cpus(n, shoot_down_##n##_loop); \
    }
BENCH_SHOOT_DOWN(1)
BENCH_SHOOT_DOWN(2)
BENCH_SHOOT_DOWN(3)
BENCH_SHOOT_DOWN(4)

/*
 * The same while CPU 1 is busy with a thread. Where the virtual CPUs take turns on one physical CPU
 * (--pcpus 1), CPU 1 is preempted whenever this CPU runs, and an operation that waits for CPU 1
 * takes until both have had their turn. So a figure is the median of a few calls, and there are
 * fewer of them if they take long.
 */
enum {
    CALLS = 9,
    ENOUGH_NS = 50 * NS_PER_MS,
};

static bool is_busy, busy_is_over; /* Atomic: flags */

static void be_busy(void *arg)
{
    (void)arg;
    WRITE_ONCE(is_busy, true);
    while (!READ_ONCE(busy_is_over))
        barrier();
}

static u64 ticks_of_one(void (*loop)(u32))
{
    const u64 start = pv_read_tsc();

    loop(1);
    return pv_read_tsc() - start;
}

/* Insert the ticks of calls into a sorted array, and return the one in the middle. */
static u64 median_ticks(void (*loop)(u32))
{
    const u64 end = pv_clock_ns() + ENOUGH_NS;
    u64 sorted[CALLS] = {0};
    u32 nr = 0;

    while (nr < CALLS && (!nr || pv_clock_ns() < end)) {
        const u64 ticks = ticks_of_one(loop);
        u32 at = nr++;

        for (; at && sorted[at - 1] > ticks; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = ticks;
    }
    return sorted[nr / 2];
}

static u64 with_busy_cpu(void (*loop)(u32))
{
    struct thread *busy;
    u64 ticks;

    if (!strcmp(pv_backend_name(), "native"))
        return bench_none("no hypervisor gives this machine's CPUs turns");
    if (!has_cpus(2))
        return bench_none("this machine has too few CPUs");
    WRITE_ONCE(is_busy, false);
    WRITE_ONCE(busy_is_over, false);
    pv_irq_enable();
    busy = thread_start("busy", 1, be_busy, NULL);
    if (!busy)
        return bench_none("there is no memory for a thread");
    while (!READ_ONCE(is_busy))
        __builtin_ia32_pause();
    ticks = median_ticks(loop);
    WRITE_ONCE(busy_is_over, true);
    pv_irq_enable();
    thread_join(busy);
    return ticks;
}

BENCH(smp, call_of_busy_cpu, "ticks")
{
    return with_busy_cpu(call_2_loop);
}

BENCH(smp, shoot_down_of_busy_cpu, "ticks")
{
    return with_busy_cpu(shoot_down_2_loop);
}

/*
 * A lock that 4 CPUs contend for in turn. With fewer physical CPUs than that (one here under Xen),
 * a turn takes until the owner runs; waiters that spin delay it.
 */
enum {
    RIVALS = 4,
    TURNS = 8,      /* of each CPU */
    INSIDE = 20000, /* rounds of a loop with the lock held */
};

static struct spinlock lock = SPINLOCK("bench");

static void critical_section(void)
{
    for (u32 i = 0; i < INSIDE; i++)
        barrier();
}

static void take_turns(void *arg)
{
    (void)arg;
    for (u32 i = 0; i < TURNS; i++) {
        spin_lock(&lock);
        critical_section();
        spin_unlock(&lock);
    }
}

/* Hold the lock until all others wait for it. Return the ticks of one turn. */
static u64 contend(bool pv_wait)
{
    struct thread *threads[RIVALS];
    u64 start;

    if (!has_cpus(RIVALS))
        return bench_none("this machine has too few CPUs");
    pv_irq_enable();
    spinlock_pv_wait = pv_wait;
    spin_lock(&lock);
    for (u32 i = 1; i < RIVALS; i++)
        threads[i] = thread_start("rival", i, take_turns, NULL);
    while ((u8)(READ_ONCE(lock.tail) - lock.head) < RIVALS)
        __builtin_ia32_pause();
    start = pv_read_tsc();
    spin_unlock(&lock);
    take_turns(NULL);
    for (u32 i = 1; i < RIVALS; i++)
        thread_join(threads[i]);
    spinlock_pv_wait = true;
    return (pv_read_tsc() - start) / (RIVALS * TURNS);
}

BENCH(smp, contended_lock_with_pv_wait, "ticks a turn")
{
    return contend(true);
}

BENCH(smp, contended_lock_spinning, "ticks a turn")
{
    return contend(false);
}
