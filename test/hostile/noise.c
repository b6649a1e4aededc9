/* SPDX-License-Identifier: MIT */
/*
 * Disturbances of CPUs that run cases. On each CPU a timer fires at random intervals: it makes the
 * scheduler switch threads, and sends IPIs, calls and NMIs to other CPUs. A second thread changes
 * mappings of any CPU's space, which causes TLB shoot-downs. See test/hostile/hostile.h.
 */
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "test/harness/cpus.h"
#include "test/harness/test.h"
#include "test/hostile/hostile.h"

#define PAUSE_MIN_NS (20 * NS_PER_US)
#define PAUSE_MAX_NS (600 * NS_PER_US)

/*
 * Per CPU: created and ended by hostile_noise_begin and hostile_noise_end, otherwise used only by
 * its CPU.
 */
static struct noise {
    struct thread *thread;
    struct timer timer;
    struct hostile_random random;
    struct call call;
    u64 scratch; /* address at which the thread maps its frame */
    pfn_t frame;
} noises[STRESS_CPUS];

static u32 nr_noises;              /* Written: by hostile_noise_begin */
static bool is_over, in_shared;    /* Written: by hostile_noise_begin and hostile_noise_end */
static struct hostile_noise count; /* Atomic: counts */

static void count_one(u64 *of)
{
    __atomic_fetch_add(of, 1, __ATOMIC_RELAXED);
}

static u64 next_time(struct noise *n)
{
    return pv_clock_ns() + PAUSE_MIN_NS +
           hostile_below(&n->random, (u32)(PAUSE_MAX_NS - PAUSE_MIN_NS));
}

static void on_call(void *unused)
{
    (void)unused;
    count_one(&count.calls);
}

static bool on_nmi(struct trap_frame *frame)
{
    (void)frame;
    count_one(&count.nmis);
    return true;
}

static void disturb(struct timer *timer)
{
    struct noise *const n = &noises[pv_this_cpu()];
    const u32 other = hostile_below(&n->random, nr_noises);

    count_one(&count.timers);
    this_cpu()->area.need_switch = true;
    switch (hostile_below(&n->random, 4)) {
    case 0:
        pv_send_ipi(other, PV_IPI_RESCHEDULE);
        break;
    case 1:
        if (__atomic_load_n(&n->call.state, __ATOMIC_SEQ_CST) == CALL_DONE) {
            n->call.fn = on_call;
            smp_call_async(other, &n->call);
        }
        break;
    case 2:
        pv_send_nmi(other);
        break;
    }
    timer_start(timer, next_time(n), disturb);
}

/* Map, protect and unmap a page that no case uses. */
static void change_scratch(struct noise *n, struct mm_space *space)
{
    EXPECT_EQ(mm_map(space, n->scratch, n->frame, 1, MM_WRITE), 0);
    EXPECT_EQ(mm_protect(space, n->scratch, 1, MM_EXEC), 0);
    EXPECT_EQ(mm_unmap(space, n->scratch, 1), 0);
}

/* Change the protection of a page of the cases for a moment. */
static void change_used(struct noise *n, struct mm_space *space)
{
    static const u64 used[] = {HOSTILE_CODE, HOSTILE_CODE_NX, HOSTILE_DATA, HOSTILE_STACK};
    const u64 va = used[hostile_below(&n->random, ARRAY_SIZE(used))];
    const u32 prot = va < HOSTILE_DATA ? MM_EXEC : MM_WRITE;

    EXPECT_EQ(mm_protect(space, va, 1, hostile_below(&n->random, 2) ? 0 : MM_WRITE | MM_EXEC), 0);
    EXPECT_EQ(mm_protect(space, va, 1, prot), 0);
}

static void make_noise(void *arg)
{
    struct noise *const n = arg;

    n->timer = (struct timer){0};
    timer_start(&n->timer, next_time(n), disturb);
    while (!READ_ONCE(is_over)) {
        change_scratch(n, hostile_space(hostile_below(&n->random, nr_noises)));
        if (in_shared)
            change_used(n, hostile_space(0));
        count_one(&count.changes);
        sleep_until(next_time(n));
    }
    timer_stop(&n->timer);
    smp_call_wait(&n->call);
}

void hostile_noise_begin(u32 nr_cpus, bool shared)
{
    nmi_hook = on_nmi;
    nr_noises = nr_cpus;
    in_shared = shared;
    is_over = false;
    count = (struct hostile_noise){0};
    for (u32 i = 0; i < nr_cpus; i++) {
        struct noise *const n = &noises[i];

        n->random.state = i;
        n->call.state = CALL_DONE;
        n->scratch = HOSTILE_SCRATCH + i * PAGE_SIZE;
        n->frame = frame_alloc(0, FRAME_ZEROED, FRAME_KERNEL);
        n->thread =
            EXPECT(n->frame.n != PFN_INVALID.n) ? thread_start("noise", i, make_noise, n) : NULL;
        EXPECT(n->thread);
    }
}

struct hostile_noise hostile_noise_end(void)
{
    WRITE_ONCE(is_over, true);
    for (u32 i = 0; i < nr_noises; i++) {
        if (noises[i].thread)
            thread_join(noises[i].thread);
        if (noises[i].frame.n != PFN_INVALID.n)
            frame_free(noises[i].frame, 0);
    }
    nmi_hook = NULL;
    return count;
}
