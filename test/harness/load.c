/* SPDX-License-Identifier: MIT */
#include "test/harness/load.h"
#include "kernel/panic.h"
#include "mm/frame.h"

enum { THREADS = 2 * STRESS_CPUS, FRAMES = 8 };

static struct worker {
    struct thread *thread;
    u64 rounds, wrong;
} workers[THREADS];
static u32 nr_workers;
static bool stop;

static void fill_frame(pfn_t pfn, u64 mark)
{
    u64 *const words = pfn_to_va(pfn);

    for (u64 i = 0; i < PAGE_SIZE / sizeof(u64); i += 64)
        words[i] = mark + i;
}

static bool holds_mark(pfn_t pfn, u64 mark)
{
    const u64 *const words = pfn_to_va(pfn);

    for (u64 i = 0; i < PAGE_SIZE / sizeof(u64); i += 64)
        if (words[i] != mark + i)
            return false;
    return true;
}

/* Frames stay allocated across the sleep, in which they must keep what they hold. */
static void use_frames(struct worker *w)
{
    pfn_t frames[FRAMES];
    u32 count = 0;

    for (; count < FRAMES; count++) {
        frames[count] = frame_alloc(0, 0, FRAME_KERNEL);
        if (frames[count].n == PFN_INVALID.n)
            break;
        fill_frame(frames[count], w->rounds ^ frames[count].n << 20);
    }
    sleep_until(pv_clock_ns() + NS_PER_MS);
    while (count--) {
        w->wrong += !holds_mark(frames[count], w->rounds ^ frames[count].n << 20);
        frame_free(frames[count], 0);
    }
}

static void work(void *arg)
{
    struct worker *w = arg;

    while (!READ_ONCE(stop)) {
        use_frames(w);
        WRITE_ONCE(w->rounds, w->rounds + 1);
    }
}

static bool worker_start(u32 cpu)
{
    struct worker *w = &workers[nr_workers];

    *w = (struct worker){0};
    w->thread = thread_start("load", cpu, work, w);
    nr_workers += w->thread != NULL;
    return w->thread;
}

bool load_start(bool bound)
{
    bool started = true;

    nr_workers = 0;
    WRITE_ONCE(stop, false);
    for (u32 cpu = 0; cpu < stress_cpus(); cpu++) {
        started &= worker_start(THREAD_ANY_CPU);
        if (bound)
            started &= worker_start(cpu);
    }
    return started;
}

bool load_continues(void)
{
    u64 before[THREADS];
    bool all = true;

    for (u32 i = 0; i < nr_workers; i++)
        before[i] = READ_ONCE(workers[i].rounds);
    for (u32 i = 0; i < nr_workers; i++)
        all &= SLEEP_UNTIL(READ_ONCE(workers[i].rounds) > before[i]);
    return all;
}

u64 load_stop(void)
{
    u64 wrong = 0;

    WRITE_ONCE(stop, true);
    for (u32 i = 0; i < nr_workers; i++) {
        thread_join(workers[i].thread);
        wrong += workers[i].wrong;
    }
    return wrong;
}

u32 payload_number(const char *name, u32 other)
{
    u32 number = 0;

    for (const char *c = payload_argument; *c; c++) {
        if (*c < '0' || *c > '9' || number > 1000000)
            finish(VERDICT_ERROR, "run=%s:%s: not a number", name, payload_argument);
        number = number * 10 + (u32)(*c - '0');
    }
    return *payload_argument ? number : other;
}
