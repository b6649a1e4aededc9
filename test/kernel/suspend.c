/* SPDX-License-Identifier: MIT */
/*
 * Suspend under load. A suite cannot restore itself, so its test is that of a suspend that the
 * platform refuses after all CPUs but one went offline. The payload suspend suspends a domU for
 * real, as often as run=suspend:N says, while a toolstack saves and restores it, and checks after
 * each time that nothing was lost.
 */
#include "drivers/xenstore.h"
#include "kernel/hotplug.h"
#include "kernel/lifecycle.h"
#include "kernel/panic.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "test/harness/grants.h"
#include "test/harness/load.h"

TEST(suspend, refused_one_leaves_cpus_and_threads_as_they_were, suspend)
{
    const u32 online = smp_online_count();
    const u64 starts = cpus[online - 1].starts;
    const struct lifecycle before = lifecycle;
    bool working;

    if (on_domu())
        SKIP("the suspend would succeed, and last until a toolstack restores it (run=suspend)");
    REQUIRE(load_start(true));
    EXPECT_EQ(machine_suspend(), on_xen() ? -EPERM : -ENODEV);
    working = load_continues();
    EXPECT_EQ(load_stop(), 0);
    EXPECT(working);
    EXPECT_EQ(smp_online_count(), online);
    EXPECT_EQ(cpus[online - 1].starts, starts + (online > 1));
    EXPECT_EQ(lifecycle.suspends, before.suspends);
    EXPECT_EQ(lifecycle.resumes, before.resumes);
}

TEST(suspend, cpu_that_the_host_has_taken_stays_offline, suspend, cpu_down)
{
    u32 cpu;

    NEEDS_CPUS(2);
    if (on_domu())
        SKIP("the suspend would succeed, and last until a toolstack restores it (run=suspend)");
    cpu = smp_online_count() - 1;
    EXPECT_EQ(smp_set_available(cpu, false), 0);
    EXPECT(SLEEP_UNTIL(!smp_is_online(cpu)));
    EXPECT_EQ(machine_suspend(), on_xen() ? -EPERM : -ENODEV);
    EXPECT(!smp_is_online(cpu));
    EXPECT_EQ(smp_set_available(cpu, true), 0);
    EXPECT(SLEEP_UNTIL(smp_is_online(cpu)));
}

/* ---- The payload ---- */

/*
 * The host's time may pass, but not so long; the wall clock of another host may differ by that
 * much, and must not fall back to 1970.
 */
#define CYCLE_MOST_NS (3600 * NS_PER_S)

#define CHECK(cond) \
    do { \
        if (!(cond)) \
            finish(VERDICT_FAIL, "suspend: cycle %u: %s", cycle, #cond); \
    } while (0)

static bool line_works(void)
{
    struct test_line line = {0};
    bool hit;

    if (!test_line_open(&line))
        return false;
    hit = !pv_irq_raise(line.line) && test_line_hits(&line, 1);
    test_line_close(&line);
    return hit;
}

static void count_call(void *arg)
{
    __atomic_fetch_add((u32 *)arg, 1, __ATOMIC_SEQ_CST);
}

/* Return whether the clock advances during 10,000 pauses, which take much more than 1 us. */
static bool clock_advances(void)
{
    const u64 before = pv_clock_ns();

    for (u32 i = 0; i < 10000; i++) {
        if (pv_clock_ns() > before + NS_PER_US)
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

/* ---- A space that no CPU has used, whose tables are plain memory ---- */

enum { PLAIN_START = 1 << 30, PLAIN_PAGES = 20 };

static struct mm_space plain_space;

static bool plain_space_begin(u64 mark)
{
    struct mm_mapping m;
    bool filled = !mm_space_create(&plain_space) &&
                  !mm_populate(&plain_space, PLAIN_START, PLAIN_PAGES, MM_WRITE);

    for (u64 i = 0; i < PLAIN_PAGES && filled; i++) {
        filled = mm_query(&plain_space, PLAIN_START + i * PAGE_SIZE, &m);
        if (filled)
            *(u64 *)pfn_to_va(m.pfn) = mark + i;
    }
    return filled;
}

/* Return whether the space maps the same pages, and can be used. */
static bool plain_space_check(u64 mark)
{
    u64 value = 0, right = 0;

    if (mm_space_activate(&plain_space))
        return false;
    for (u64 i = 0; i < PLAIN_PAGES; i++)
        right += !copy_from_user(&value, PLAIN_START + i * PAGE_SIZE, sizeof(value)) &&
                 value == mark + i;
    return !mm_space_activate(&mm_kernel) && !mm_space_destroy(&plain_space) &&
           right == PLAIN_PAGES;
}

/*
 * ---- A space that is being destroyed when the machine is suspended ----
 *
 * mm_space_destroy can be preempted wherever it releases its last spinlock. The payload suspends
 * the machine at one of these places, at another one in each cycle.
 */

enum { DYING_PAGES = 16, DYING_STRIDE = PT_ENTRIES / DYING_PAGES };

static struct {
    struct mm_space space;
    pfn_t pages[DYING_PAGES];
    bool preempted; /* the boot thread, at each place */
    u32 places;     /* seen since then */
    u32 suspend_at; /* this one of them */
    u32 left;       /* pages that were not free then */
    int result;     /* of the suspend */
    bool gone;      /* the space is destroyed, and its pages are free */
} dying;
static const struct pv_callbacks *kernel_callbacks;

/* Only the payload has pages of this kind, and it takes none in the meantime. */
static u32 dying_pages_left(void)
{
    u32 left = 0;

    for (u32 i = 0; i < DYING_PAGES; i++)
        left += frame_get(dying.pages[i])->state == FRAME_USER;
    return left;
}

static bool is_preempted(void)
{
    return this_thread() == &boot_thread && dying.preempted;
}

static void preempt_or_suspend(void)
{
    kernel_callbacks->reschedule();
    if (is_preempted() && dying.places++ == dying.suspend_at) {
        dying.preempted = false;
        dying.left = dying_pages_left();
        dying.result = machine_suspend();
    }
    if (is_preempted())
        cpus[0].area.need_switch = true;
}

/* An interrupt may have switched threads, which clears need_switch. */
static void want_preemption(struct trap_frame *frame)
{
    kernel_callbacks->interrupts_done(frame);
    if (is_preempted())
        cpus[0].area.need_switch = true;
}

static void intercept_callbacks(void)
{
    static struct pv_callbacks callbacks;

    kernel_callbacks = pv_callbacks;
    callbacks = *pv_callbacks;
    callbacks.reschedule = preempt_or_suspend;
    callbacks.interrupts_done = want_preemption;
    pv_set_callbacks(&callbacks);
}

/* Make the space, with pages all over one table, and use it, so that its tables are announced. */
static bool dying_space_begin(void)
{
    struct mm_mapping m = {0};
    bool filled = !mm_space_create(&dying.space);

    for (u64 i = 0; i < DYING_PAGES && filled; i++) {
        const u64 va = PLAIN_START + i * DYING_STRIDE * PAGE_SIZE;

        filled = !mm_populate(&dying.space, va, 1, MM_WRITE) && mm_query(&dying.space, va, &m);
        dying.pages[i] = m.pfn;
    }
    return filled && !mm_space_activate(&dying.space) && !mm_space_activate(&mm_kernel);
}

/* Destroy the space. Return the result of the suspend, or -EINVAL without one. */
static int suspend_in_destroy(u32 place)
{
    dying.result = -EINVAL;
    dying.places = 0;
    dying.suspend_at = place;
    dying.preempted = true;
    cpus[0].area.need_switch = true;
    dying.gone = !mm_space_destroy(&dying.space) && !dying_pages_left();
    dying.preempted = false;
    return dying.result;
}

/* Return at how many places a space can be suspended; 0 if none is destroyed. */
static u32 dying_places(void)
{
    if (!dying_space_begin())
        return 0;
    suspend_in_destroy(~0u);
    return dying.gone ? dying.places : 0;
}

static void one_cycle(u32 cycle, u32 place)
{
    const u32 online = smp_online_count();
    const u64 clock = pv_clock_ns();
    u64 wall = 0, wall_after = 0, clock_after;
    u32 called = 0;
    int result;

    pv_get_wallclock(&wall);
    CHECK(held_grants_begin());
    CHECK(plain_space_begin(clock));
    CHECK(dying_space_begin());
    print("suspend: cycle %u: suspending\n", cycle);
    result = suspend_in_destroy(place);
    clock_after = pv_clock_ns();
    pv_get_wallclock(&wall_after);
    print("suspend: cycle %u: %s, clock +%llu us, wall clock +%lld us, %u pages to free\n", cycle,
          result ? "cancelled" : "restored", (unsigned long long)(clock_after - clock) / 1000,
          (long long)(wall_after - wall) / 1000, dying.left);
    CHECK(result == 0 || result == 1);
    CHECK(clock_after >= clock && clock_after - clock < CYCLE_MOST_NS);
    CHECK(clock_advances());
    CHECK(wall_after + CYCLE_MOST_NS > wall && wall_after < wall + CYCLE_MOST_NS);
    CHECK(smp_online_count() == online);
    CHECK(smp_call_many(online_cpus(), count_call, &called) == online && called == online);
    CHECK(line_works());
    CHECK(dying.gone);
    CHECK(held_grants_check(result));
    CHECK(plain_space_check(clock));
    CHECK(load_continues());
    CHECK(clock_advances()); /* also when the hypervisor has written its time again */
}

static void suspend_payload(void)
{
    const u32 cycles = payload_number("suspend", 1);
    u32 places;

    if (!on_domu())
        finish(VERDICT_SKIP, "suspend: not a domU, which a toolstack can save");
    if (!load_start(true))
        finish(VERDICT_FAIL, "suspend: the load does not start");
    intercept_callbacks();
    places = dying_places();
    if (!places)
        finish(VERDICT_FAIL, "suspend: a space is not destroyed");
    print("suspend: %u places of a space's end\n", places);
    for (u32 i = 1; i <= cycles; i++)
        one_cycle(i, (places / 2 + i) % places);
    if (load_stop())
        finish(VERDICT_FAIL, "suspend: memory has changed");
    if (xenstore_counts.lost_watches)
        finish(VERDICT_FAIL, "suspend: a watch of xenstore is lost");
    finish(VERDICT_PASS, "suspend: %u cycles", cycles);
}
PAYLOAD(suspend, suspend_payload);
