/* Spinlocks, mutexes and wake-ups between threads of all CPUs: nothing is lost, nobody starves. */
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "test/test.h"

#define WORKERS 8
#define ROUNDS  2000u

static struct spinlock lock = SPINLOCK("test");
static struct mutex mutex = {.queue = {.lock = SPINLOCK("test mutex")}};
static u64 guarded, inside, intrusions;

static void enter_and_leave(void)
{
    intrusions += inside++ != 0;
    guarded++;
    barrier();
    inside--;
}

static void with_spinlock(void *arg)
{
    for (u32 i = 0; i < ROUNDS; i++) {
        spin_lock(&lock);
        enter_and_leave();
        spin_unlock(&lock);
    }
    *(u64 *)arg += ROUNDS;
}

static void with_mutex(void *arg)
{
    for (u32 i = 0; i < ROUNDS / 10; i++) {
        mutex_lock(&mutex);
        enter_and_leave();
        mutex_unlock(&mutex);
    }
    *(u64 *)arg += ROUNDS / 10;
}

/* The counts of all workers add up to what they did together, and no two were inside at once. */
static void all_at_once(void (*work)(void *arg), u64 each)
{
    struct thread *threads[WORKERS];
    u64 counts[WORKERS] = {0};

    guarded = inside = intrusions = 0;
    for (u32 i = 0; i < WORKERS; i++) {
        threads[i] = thread_start("locker", i % smp_online_count(), work, &counts[i]);
        REQUIRE(threads[i]);
    }
    for (u32 i = 0; i < WORKERS; i++) {
        thread_join(threads[i]);
        EXPECT_EQ(counts[i], each);
    }
    EXPECT_EQ(guarded, WORKERS * each);
    EXPECT_EQ(intrusions, 0);
}

TEST(locks, spinlock_excludes, lock_wait, lock_kick)
{
    all_at_once(with_spinlock, ROUNDS);
    EXPECT(!lock.owner && lock.head == lock.tail && !lock.sleepers);
}

TEST(locks, mutex_excludes)
{
    all_at_once(with_mutex, ROUNDS / 10);
    EXPECT(!mutex.owner && !mutex.queue.first);
}

TEST(locks, trylock_takes_what_is_free_only)
{
    REQUIRE(spin_trylock(&lock));
    EXPECT(spin_is_mine(&lock));
    EXPECT(!spin_trylock(&lock));
    spin_unlock(&lock);
    EXPECT(!spin_is_mine(&lock));
}

/* A ball between two threads: each waits for its turn, so a wake-up that is lost ends the game. */
static struct wait_queue court = {.lock = SPINLOCK("court")};
static u32 turn;

static void play(void *arg)
{
    const u32 side = (u32)(u64)arg;

    for (u32 i = 0; i < 500; i++) {
        u64 flags;

        wait_until(&court, turn % 2 == side);
        flags = spin_lock_irqsave(&court.lock);
        turn++;
        wake_all_locked(&court);
        spin_unlock_irqrestore(&court.lock, flags);
    }
}

TEST(locks, no_wake_up_is_lost, send_ipi)
{
    struct thread *a, *b;

    turn = 0;
    a = thread_start("ping", 0, play, (void *)0);
    b = thread_start("pong", smp_online_count() - 1, play, (void *)1);
    REQUIRE(a && b);
    thread_join(a);
    thread_join(b);
    EXPECT_EQ(turn, 1000);
}
