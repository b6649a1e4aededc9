/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks, mutexes and wake-ups between threads of all CPUs: they exclude, serve waiters in
 * order, and lose no wake-up.
 */
#include "kernel/services.h"
#include "lib/string.h"
#include "test/harness/cpus.h"
#include "test/patch/sites.h"

#define WORKERS 8
#define ROUNDS  2000u

static struct spinlock lock = SPINLOCK("test");
static struct mutex mutex = {.queue = {.lock = SPINLOCK("test mutex")}};
static u64 guarded, inside, intrusions;

static void use_critical_section(void)
{
    intrusions += inside++ != 0;
    guarded++;
    barrier();
    inside--;
}

static void with_spinlock(void *arg)
{
    struct stress stress = {.normal = ROUNDS};

    while (stress_continues(&stress)) {
        spin_lock(&lock);
        use_critical_section();
        spin_unlock(&lock);
    }
    *(u64 *)arg = stress.done;
}

static void with_mutex(void *arg)
{
    struct stress stress = {.normal = ROUNDS / 10};

    while (stress_continues(&stress)) {
        mutex_lock(&mutex);
        use_critical_section();
        mutex_unlock(&mutex);
    }
    *(u64 *)arg = stress.done;
}

/* The sum of all workers' counts equals the shared count, and no two were inside at once. */
static void all_at_once(void (*work)(void *arg))
{
    struct thread *threads[WORKERS];
    u64 counts[WORKERS] = {0}, sum = 0;

    guarded = inside = intrusions = 0;
    for (u32 i = 0; i < WORKERS; i++) {
        threads[i] = thread_start("locker", i % smp_online_count(), work, &counts[i]);
        REQUIRE(threads[i]);
    }
    for (u32 i = 0; i < WORKERS; i++) {
        thread_join(threads[i]);
        EXPECT(counts[i]);
        sum += counts[i];
    }
    EXPECT_EQ(guarded, sum);
    EXPECT_EQ(intrusions, 0);
    print("# %llu times inside, one at a time\n", (unsigned long long)guarded);
}

SOAK_TEST(locks, spinlock_excludes, lock_wait, lock_kick)
{
    all_at_once(with_spinlock);
    EXPECT(!lock.owner && lock.head == lock.tail && !lock.sleepers);
}

SOAK_TEST(locks, mutex_excludes)
{
    all_at_once(with_mutex);
    EXPECT(!mutex.owner && !mutex.queue.first);
}

TEST(locks, trylock_takes_only_a_free_lock)
{
    REQUIRE(spin_trylock(&lock));
    EXPECT(spin_is_mine(&lock));
    EXPECT(!spin_trylock(&lock));
    spin_unlock(&lock);
    EXPECT(!spin_is_mine(&lock));
}

/*
 * Waiters get the lock in order of arrival: each is seen in the queue before the next one starts,
 * and CPU 0, which unlocks and locks again, is last.
 */
static struct line_up {
    u32 go, order[STRESS_CPUS], taken;
} line_up;

static void take_in_turn(void *arg)
{
    const u32 me = pv_this_cpu();

    (void)arg;
    while (READ_ONCE(line_up.go) != me)
        __builtin_ia32_pause();
    spin_lock(&lock);
    line_up.order[line_up.taken++] = me;
    spin_unlock(&lock);
}

static void line_up_once(void)
{
    struct workers workers;
    u8 tail;

    line_up = (struct line_up){0};
    workers_start(&workers, 1, stress_cpus(), take_in_turn, NULL, 0);
    spin_lock(&lock);
    tail = lock.tail;
    for (u32 cpu = 1; cpu < stress_cpus(); cpu++) {
        WRITE_ONCE(line_up.go, cpu);
        while (READ_ONCE(lock.tail) != (u8)(tail + cpu))
            __builtin_ia32_pause();
    }
    spin_unlock(&lock);
    spin_lock(&lock);
    EXPECT_EQ(line_up.taken, stress_cpus() - 1);
    spin_unlock(&lock);
    workers_join(&workers);
    for (u32 i = 0; i < workers.count; i++)
        EXPECT_EQ(line_up.order[i], i + 1);
}

SOAK_TEST(locks, spinlock_goes_to_the_first_waiter)
{
    struct stress stress = {.normal = 20};

    NEEDS_CPUS(2);
    while (stress_continues(&stress))
        line_up_once();
    print("# %u times %u CPUs in line\n", stress.done, stress_cpus());
}

/* Return the number of threads that wait on the queue. */
static u32 queue_length(struct wait_queue *queue)
{
    const u64 flags = spin_lock_irqsave(&queue->lock);
    u32 length = 0;

    for (const struct thread *t = queue->first; t; t = t->next_wait)
        length++;
    spin_unlock_irqrestore(&queue->lock, flags);
    return length;
}

static void take_mutex_in_turn(void *arg)
{
    mutex_lock(&mutex);
    line_up.order[line_up.taken++] = (u32)(u64)arg;
    mutex_unlock(&mutex);
}

TEST(locks, mutex_goes_to_the_first_waiter)
{
    struct thread *threads[STRESS_CPUS];

    line_up = (struct line_up){0};
    mutex_lock(&mutex);
    for (u64 i = 0; i < STRESS_CPUS; i++) {
        threads[i] = thread_start("queuer", THREAD_ANY_CPU, take_mutex_in_turn, (void *)i);
        REQUIRE(threads[i]);
        while (queue_length(&mutex.queue) <= i)
            thread_yield();
    }
    mutex_unlock(&mutex);
    mutex_lock(&mutex);
    EXPECT_EQ(line_up.taken, STRESS_CPUS);
    mutex_unlock(&mutex);
    for (u32 i = 0; i < STRESS_CPUS; i++) {
        thread_join(threads[i]);
        EXPECT_EQ(line_up.order[i], i);
    }
}

static void lock_once(void *arg)
{
    (void)arg;
    spin_lock(&lock);
    spin_unlock(&lock);
}

static bool wish_kept;

static void lock_in_handler(struct test_line *line)
{
    (void)line;
    this_cpu()->area.need_switch = true;
    spin_lock(&lock);
    spin_unlock(&lock);
    wish_kept = this_cpu()->area.need_switch;
}

/*
 * An unlock in a handler must not switch threads: the interrupt would not be ended until the thread
 * runs again.
 */
TEST(locks, handler_keeps_its_cpu_when_it_unlocks)
{
    struct test_line line = {.during = lock_in_handler};

    REQUIRE(test_line_open(&line));
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    EXPECT(test_line_hits(&line, 1));
    EXPECT(wish_kept);
    test_line_close(&line);
}

/* Keep the waiter's CPU in an interrupt handler, where it does not notice that the lock is free. */
static u32 kept, release_waiter;

static void keep_until_unlocked(void *arg)
{
    (void)arg;
    WRITE_ONCE(kept, 1);
    while (!READ_ONCE(release_waiter))
        __builtin_ia32_pause();
}

/* A blocked waiter runs no call before its kick, so the wait for the call is bounded. */
static void keep_the_waiter(struct call *call)
{
    const u64 end = pv_clock_ns() + 10 * NS_PER_MS;

    WRITE_ONCE(kept, 0);
    WRITE_ONCE(release_waiter, 0);
    EXPECT_EQ(smp_call_async(1, call), 0);
    while (!READ_ONCE(kept) && pv_clock_ns() < end)
        __builtin_ia32_pause();
}

/*
 * A waiter that spins for long gives its time to the hypervisor. On bare metal that is one pause,
 * so the test counts a sleeper in its place: then the unlocking CPU has a waiter to kick.
 */
static void let_one_wait_long(void)
{
    struct call call = {.fn = keep_until_unlocked};
    struct workers workers;

    spin_lock(&lock);
    workers_start(&workers, 1, 2, lock_once, NULL, 0);
    while (READ_ONCE(lock.tail) == (u8)(lock.head + 1))
        __builtin_ia32_pause();
    for (u64 waits = READ_ONCE(spinlock_counts.waits), i = 0; i < 3; i++, waits++)
        while (READ_ONCE(spinlock_counts.waits) <= waits && !READ_ONCE(lock.sleepers))
            __builtin_ia32_pause();
    keep_the_waiter(&call);
    __atomic_fetch_add(&lock.sleepers, 1, __ATOMIC_SEQ_CST);
    spin_unlock(&lock);
    WRITE_ONCE(release_waiter, 1);
    smp_call_wait(&call);
    workers_join(&workers);
    __atomic_fetch_sub(&lock.sleepers, 1, __ATOMIC_SEQ_CST);
}

/* A waiter that notices the unlock itself is not kicked, so several attempts may be needed. */
TEST(locks, long_wait_blocks_the_vcpu_until_a_kick, lock_wait, lock_kick)
{
    const struct spinlock_counts before = spinlock_counts;

    NEEDS_CPUS(2);
    for (u32 i = 0; i < 100 && spinlock_counts.kicks == before.kicks; i++)
        let_one_wait_long();
    EXPECT(spinlock_counts.waits > before.waits);
    EXPECT(spinlock_counts.kicks > before.kicks);
    print("# since the boot: %llu waits, %llu kicks\n", (unsigned long long)spinlock_counts.waits,
          (unsigned long long)spinlock_counts.kicks);
}

/*
 * The lock of an interrupt handler, which runs in the middle of a wait for another lock. The
 * handler keeps it until a CPU has waited for it and has searched for a deadlock.
 */
static struct spinlock of_handler = SPINLOCK("of handler");

static void lock_until_waited_for(void *arg)
{
    u64 waits;

    (void)arg;
    spin_lock(&of_handler);
    waits = READ_ONCE(spinlock_counts.waits);
    while (READ_ONCE(spinlock_counts.waits) == waits)
        __builtin_ia32_pause();
    spin_unlock(&of_handler);
}

/* Replacement for lock_wait, during which a CPU accepts no call. */
static void return_at_once(const u8 *byte, u8 value)
{
    (void)byte;
    (void)value;
}

static void wait_for_the_handler(void)
{
    struct call call = {.fn = lock_until_waited_for};
    struct workers workers;
    const u64 waits = spinlock_counts.waits;

    spin_lock(&lock);
    workers_start(&workers, 1, 2, lock_once, NULL, 0);
    while (READ_ONCE(spinlock_counts.waits) == waits)
        __builtin_ia32_pause();
    EXPECT_EQ(smp_call_async(1, &call), 0);
    while (!READ_ONCE(of_handler.owner))
        __builtin_ia32_pause();
    spin_lock(&of_handler);
    spin_unlock(&of_handler);
    spin_unlock(&lock);
    smp_call_wait(&call);
    workers_join(&workers);
}

/*
 * This CPU holds a lock for which another one waits, and waits itself for what that CPU's handler
 * holds. The handler does not need the first lock, so this is not a deadlock, which panics.
 */
TEST(locks, handler_that_interrupts_a_wait_unlocks, lock_wait)
{
    const void *wait;

    NEEDS_CPUS(2);
    wait = replace_op(PV_INDEX(lock.lock_wait), return_at_once);
    wait_for_the_handler();
    replace_op(PV_INDEX(lock.lock_wait), wait);
}

/*
 * Ping-pong between two threads: each waits for its turn, so a lost wake-up ends the game. The
 * wake-up arrives about as often while the other thread is going to sleep as when it sleeps.
 */
static struct wait_queue court = {.lock = SPINLOCK("court")};
static u32 turn;
static bool over;

static bool hit_ball(void *arg)
{
    const u32 side = (u32)(u64)arg;
    u64 flags;
    bool goes_on;

    wait_until(&court, turn % 2 == side || over);
    flags = spin_lock_irqsave(&court.lock);
    goes_on = !over;
    turn += goes_on;
    wake_all_locked(&court);
    spin_unlock_irqrestore(&court.lock, flags);
    return goes_on;
}

static void play_ball(void *arg)
{
    while (hit_ball(arg))
        ;
}

static void serve_ball(void *arg)
{
    struct stress stress = {.normal = 500};

    while (stress_continues(&stress))
        hit_ball(arg);
    wait_until(&court, turn % 2 == 0);
    over = true;
    hit_ball(arg);
    EXPECT_EQ(turn, 2 * stress.done);
}

/* ---- Words of memory that programs wait on (kernel/services.h) ----------------------------- */

enum { WORD_WAITERS = 5 };

static uint32_t words[2];
static u32 woken[WORD_WAITERS], nr_woken;

/* The last thread waits for the other word. */
static void wait_for_word(void *arg)
{
    const u32 me = (u32)(u64)arg;

    EXPECT(libc_wait(&words[me == WORD_WAITERS - 1], 0, UINT64_MAX));
    woken[me]++;
    __atomic_fetch_add(&nr_woken, 1, __ATOMIC_SEQ_CST);
}

/*
 * Expect the first `wanted` threads to have been woken then, and no others. Those that one call
 * wakes may run in any order, because they may be preempted.
 */
static void wake_words(const uint32_t *word, u32 count, u32 wanted)
{
    libc_wake(word, count);
    SLEEP_UNTIL(READ_ONCE(nr_woken) >= wanted);
    sleep_until(pv_clock_ns() + NS_PER_MS); /* time for a wrongly woken thread to run */
    for (u32 i = 0; i < WORD_WAITERS; i++)
        EXPECT_EQ(READ_ONCE(woken[i]), i < wanted);
}

/* A waiter that has given up has left the queue. */
static void give_up_twice(void *arg)
{
    (void)arg;
    for (u32 i = 0; i < 2; i++)
        EXPECT(!libc_wait(&words[0], 0, pv_clock_ns() + NS_PER_MS));
}

TEST(locks, words_wake_the_given_number_of_waiters_in_order)
{
    struct thread *threads[WORD_WAITERS], *t = thread_start("gives up", 0, give_up_twice, NULL);

    REQUIRE(t);
    thread_join(t);
    memset(woken, 0, sizeof(woken));
    nr_woken = 0;
    EXPECT(libc_wait(&words[0], 1, UINT64_MAX)); /* returns at once: the word has another value */
    for (u64 i = 0; i < WORD_WAITERS; i++) {
        threads[i] = thread_start("word", 0, wait_for_word, (void *)i);
        REQUIRE(threads[i]);
        while (READ_ONCE(threads[i]->state) != THREAD_BLOCKED)
            thread_yield();
    }
    libc_wake(&words[0], 0);
    wake_words(&words[0], 1, 1);
    wake_words(&words[0], 2, 3);
    wake_words(&words[0], 5, 4);
    wake_words(&words[0], 5, 4);
    wake_words(&words[1], 1, 5);
    for (u32 i = 0; i < WORD_WAITERS; i++)
        thread_join(threads[i]);
}

SOAK_TEST(locks, no_wake_up_is_lost, send_ipi)
{
    struct thread *a, *b;

    turn = 0;
    over = false;
    a = thread_start("ping", 0, serve_ball, (void *)0);
    b = thread_start("pong", smp_online_count() - 1, play_ball, (void *)1);
    REQUIRE(a && b);
    thread_join(a);
    thread_join(b);
    print("# %u wake-ups\n", turn);
}
