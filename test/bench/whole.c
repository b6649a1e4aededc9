/* SPDX-License-Identifier: MIT */
/*
 * Whole operations: booting, mappings, address spaces, faults, timers, threads. Part of the payload
 * "bench" (test/bench/bench.h).
 */
#include "kernel/kernel.h"
#include "kernel/thread.h"
#include "pv/xen/hypercall.h"
#include "test/bench/bench.h"
#include "test/harness/mm_util.h"

/* Booting, from the entry point. The time to the verdict is in the run's last lines. */
BENCH(boot, first_line, "ticks")
{
    return boot_first_line_tsc - boot_entry_tsc;
}

BENCH(boot, payload, "ticks")
{
    return bench_start_tsc - boot_entry_tsc;
}

BENCH(boot, hypercalls, "hypercalls")
{
    u64 updates;

    return pv_hypercall_count(&updates);
}

/* The cheapest hypercall: it only returns a number. */
static void empty_hypercall_loop(u32 count)
{
    for (; count; count--)
        xen_version(XENVER_version, NULL);
}

BENCH(hypercall, empty, "ticks")
{
    u64 updates;

    if (!pv_hypercall_count(&updates))
        return bench_none("no hypervisor");
    return bench_per_call(empty_hypercall_loop);
}

/* Map and unmap one page whose table stays, because a neighbouring page is mapped. */
static pfn_t page;

static void map_and_unmap_loop(u32 count)
{
    for (; count; count--)
        if (mm_map(&mm_kernel, TEST_VA, page, 1, MM_WRITE) || mm_unmap(&mm_kernel, TEST_VA, 1))
            return;
}

BENCH(mm, map_and_unmap_page, "ticks")
{
    u64 ticks;

    page = frame_alloc(0, 0, FRAME_KERNEL);
    if (page.n == NO_PFN || mm_map(&mm_kernel, TEST_VA + PAGE_SIZE, page, 1, 0))
        return bench_none("no memory");
    ticks = bench_per_call(map_and_unmap_loop);
    mm_unmap(&mm_kernel, TEST_VA + PAGE_SIZE, 1);
    frame_free(page, 0);
    return ticks;
}

/* Switch between two user spaces with one page each. */
static struct mm_space spaces[2];

static void switch_space_loop(u32 count)
{
    for (; count; count--)
        if (mm_space_activate(&spaces[count % 2]))
            return;
}

BENCH(mm, switch_space, "ticks")
{
    u64 ticks;

    for (u32 i = 0; i < ARRAY_SIZE(spaces); i++)
        if (mm_space_create(&spaces[i]) || mm_populate(&spaces[i], USER_VA, 1, MM_WRITE))
            return bench_none("no memory");
    ticks = bench_per_call(switch_space_loop);
    if (mm_space_activate(&mm_kernel))
        return bench_none("the kernel's space cannot be left");
    for (u32 i = 0; i < ARRAY_SIZE(spaces); i++)
        mm_space_destroy(&spaces[i]);
    return ticks;
}

/* A page that is mapped on its first access, and unmapped again. */
static void touch_loop(u32 count)
{
    const u64 value = 1;

    for (; count; count--)
        if (copy_to_user(USER_VA, &value, sizeof(value)) || mm_unmap(&spaces[0], USER_VA, 1))
            return;
}

BENCH(mm, touch_new_page_and_unmap, "ticks")
{
    u64 ticks;

    if (mm_space_create(&spaces[0]) || mm_reserve(&spaces[0], USER_VA, 1, MM_WRITE) ||
        mm_populate(&spaces[0], USER_VA + PAGE_SIZE, 1, 0) || mm_space_activate(&spaces[0]))
        return bench_none("no memory");
    ticks = bench_per_call(touch_loop);
    if (mm_space_activate(&mm_kernel))
        return bench_none("the kernel's space cannot be left");
    mm_space_destroy(&spaces[0]);
    return ticks;
}

#define HOLE_VA (TEST_VA + GIB(4))

static bool survived;

static void page_fault_loop(u32 count)
{
    struct fault fault;
    u64 value;

    for (; count; count--)
        survived = !try_read(HOLE_VA, &value, &fault);
}

BENCH(trap, page_fault_and_back, "ticks")
{
    const u64 ticks = bench_per_call(page_fault_loop);

    return survived ? ticks : bench_none("something is mapped there");
}

/*
 * A timer: the cost of arming it, and the time from the deadline until the sleeping thread
 * continues. Under -icount a tick is a nanosecond.
 */
enum {
    WAIT_NS = 200000,
    TIMES = 8,
};

static bool fired;

static void on_timer(struct timer *timer)
{
    (void)timer;
    WRITE_ONCE(fired, true);
}

static u64 arm_and_fire(void)
{
    static struct timer timer;
    const u64 start = pv_clock_ns(), deadline = start + WAIT_NS;
    u64 armed;

    WRITE_ONCE(fired, false);
    timer_start(&timer, deadline, on_timer);
    armed = pv_clock_ns();
    while (!READ_ONCE(fired)) {
        pv_safe_halt();
        pv_irq_disable();
    }
    return armed - start + pv_clock_ns() - deadline;
}

BENCH(time, arm_and_fire, "ns of work, not of waiting")
{
    u64 least = ~0ull;

    for (u32 i = 0; i < TIMES; i++) {
        const u64 ns = arm_and_fire();

        least = MIN(least, ns);
    }
    return least;
}

/* Two threads that yield to each other on one CPU: two switches a call. */
static bool with_fpu, stop;

static void use_fpu(void)
{
    if (with_fpu)
        __asm__ volatile("movq %0, %%xmm7" : : "r"(1ull));
}

static void give_way(void *arg)
{
    (void)arg;
    while (!READ_ONCE(stop)) {
        use_fpu();
        thread_yield();
    }
}

static void switch_loop(u32 count)
{
    for (; count; count--) {
        use_fpu();
        thread_yield();
    }
}

static u64 measure_switch(bool fpu)
{
    struct thread *other;
    u64 ticks;

    with_fpu = fpu;
    WRITE_ONCE(stop, false);
    other = thread_start("partner", 0, give_way, NULL);
    if (!other)
        return bench_none("no thread");
    ticks = bench_per_call(switch_loop);
    WRITE_ONCE(stop, true);
    pv_irq_enable();
    thread_join(other);
    return ticks;
}

BENCH(thread, switch_there_and_back, "ticks for 2 switches")
{
    return measure_switch(false);
}

BENCH(thread, switch_with_fpu, "ticks for 2 switches")
{
    return measure_switch(true);
}
