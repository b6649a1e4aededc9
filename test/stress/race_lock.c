/* SPDX-License-Identifier: MIT */
/*
 * Races of spinlocks, provoked at each instruction of a wait (test/harness/step.h). One CPU plays
 * both sides: the test replaces the ops that block and kick a waiter, so that a wait without a kick
 * is detected instead of blocking.
 */
#include "lib/string.h"
#include "test/harness/cpus.h"
#include "test/harness/step.h"
#include "test/patch/sites.h"

enum { HOLDER = PV_CPUS_MAX - 1 }; /* a number that no CPU of a test has */

static struct spinlock outer = SPINLOCK("outer"), inner = SPINLOCK("inner");

/* Guarded by: one test at a time, whose thread and handlers alone use it. */
static struct {
    struct race race;
    u32 cpu;   /* of the waiter */
    u32 kicks; /* that no wait has consumed yet */
    u32 sleeps, lost;
} lock_race;

static struct pv_lock_ops real; /* the backend's ops, while a race has replaced them */

/* Make HOLDER, an imaginary other CPU, the owner of the lock with this ticket. */
static void holder_lock(struct spinlock *lock, u8 ticket)
{
    lock->head = ticket;
    lock->tail = (u8)(ticket + 1);
    lock->owner = HOLDER + 1;
}

/* Unlock as HOLDER. This CPU's count of held spinlocks does not change. */
static void holder_unlock(struct spinlock *lock)
{
    if (lock->owner != HOLDER + 1)
        return;
    lock->owner = pv_this_cpu() + 1;
    pv_count_spinlock(1);
    spin_unlock(lock);
}

/*
 * Replacement for lock_wait: the holder unlocks while this CPU is blocked, if it has not done so
 * before. Interrupts are disabled, because another CPU would unlock.
 */
static void sleep_until_kicked(const u8 *byte, u8 value)
{
    struct spinlock *const lock = byte == &outer.head ? &outer : &inner;

    if (byte != &outer.head && byte != &inner.head) {
        real.lock_wait(byte, value);
        return;
    }
    WRITE_ONCE(lock_race.race.hold, true);
    if (READ_ONCE(*byte) == value) {
        lock_race.sleeps++;
        holder_unlock(lock);
        lock_race.lost += !lock_race.kicks;
    }
    lock_race.kicks = 0;
    WRITE_ONCE(lock_race.race.hold, false);
}

static void note_kick(u32 cpu)
{
    lock_race.kicks += cpu == lock_race.cpu;
    if (cpu != lock_race.cpu)
        real.lock_kick(cpu);
}

/* Replacement for vcpu_is_preempted: a waiter for a preempted holder blocks at once. */
static bool holder_is_preempted(u32 cpu)
{
    return cpu == HOLDER || real.vcpu_is_preempted(cpu);
}

static void wait_for_outer(void *arg)
{
    (void)arg;
    spin_lock(&outer);
    spin_unlock(&outer);
}

static void holder_lock_both(void)
{
    lock_race.kicks = 0;
    lock_race.cpu = pv_this_cpu();
    holder_lock(&outer, (u8)lock_race.race.round);
    holder_lock(&inner,
                (u8)(lock_race.race.round + 100)); /* differs from any ticket of the other lock */
}

static void expect_free(void)
{
    EXPECT(!outer.owner && outer.head == outer.tail && !outer.sleepers);
}

static void use_lock_ops(const struct pv_lock_ops *ops)
{
    replace_op(PV_INDEX(lock.lock_wait), ops->lock_wait);
    replace_op(PV_INDEX(lock.lock_kick), ops->lock_kick);
    replace_op(PV_INDEX(lock.vcpu_is_preempted), ops->vcpu_is_preempted);
}

/* Call step_act_at_each with these lock ops in place of the backend's. */
static void step_with_lock_ops(struct race *race, u32 least, const struct pv_lock_ops *ops)
{
    real = pv_ops.lock;
    use_lock_ops(ops);
    step_act_at_each(race, least);
    use_lock_ops(&real);
}

static void act_at_each_instruction(void (*act)(struct trap_frame *frame))
{
    static const struct pv_lock_ops ops = {sleep_until_kicked, note_kick, holder_is_preempted};

    lock_race.race = (struct race){
        .prepare = holder_lock_both, .run = wait_for_outer, .act = act, .check = expect_free};
    lock_race.sleeps = lock_race.lost = 0;
    step_with_lock_ops(&lock_race.race, 200, &ops);
    EXPECT(lock_race.sleeps > lock_race.race.acted / 4);
    EXPECT_EQ(lock_race.lost, 0);
}

static void unlock_outer(struct trap_frame *frame)
{
    (void)frame;
    holder_unlock(&outer);
}

SOAK_TEST(race, lock_is_unlocked_at_each_instruction_of_a_wait, lock_wait, lock_kick,
          vcpu_is_preempted)
{
    NEEDS_BARE_OPS;
    act_at_each_instruction(unlock_outer);
}

/*
 * An interrupt handler waits for a second lock in the middle: the kick for the first lock arrives
 * after that wait.
 */
static void wait_for_inner(struct trap_frame *frame)
{
    (void)frame;
    spin_lock(&inner);
    spin_unlock(&inner);
}

SOAK_TEST(race, handler_waits_at_each_instruction_of_a_wait, lock_wait, lock_kick,
          vcpu_is_preempted)
{
    NEEDS_BARE_OPS;
    act_at_each_instruction(wait_for_inner);
}

/* ---- A slow unlock ------------------------------------------------------------------------- */

enum { WAITER = 1 };

/* Guarded by: each field is written by only one of the two CPUs. */
static struct {
    struct race race;
    u32 asked, served; /* numbers of rounds */
    bool kicked;
    u32 lost;
    bool over;
} slow;

/*
 * Replacement for lock_wait on a CPU that only a kick wakes; the wait ends as failed at
 * SPIN_UNTIL's limit.
 */
static void sleep_for_a_kick(const u8 *byte, u8 value)
{
    if (byte != &outer.head) {
        real.lock_wait(byte, value);
        return;
    }
    if (READ_ONCE(*byte) != value)
        return;
    slow.lost += !SPIN_UNTIL(READ_ONCE(slow.kicked));
    WRITE_ONCE(slow.kicked, false);
}

static void note_kick_of_waiter(u32 cpu)
{
    if (cpu == WAITER)
        WRITE_ONCE(slow.kicked, true);
    real.lock_kick(cpu);
}

/* Replacement for vcpu_is_preempted: every waiter blocks instead of spinning. */
static bool every_cpu_is_preempted(u32 cpu)
{
    (void)cpu;
    return true;
}

static void wait_in_turn(void *arg)
{
    (void)arg;
    while (!READ_ONCE(slow.over)) {
        const u32 asked = READ_ONCE(slow.asked);

        if (slow.served == asked)
            continue;
        spin_lock(&outer);
        spin_unlock(&outer);
        WRITE_ONCE(slow.served, asked);
    }
}

static void lock_outer(void)
{
    spin_lock(&outer);
    WRITE_ONCE(slow.kicked, false);
}

static void unlock_slowly(void *arg)
{
    (void)arg;
    spin_unlock(&outer);
}

static void let_waiter_wait(struct trap_frame *frame)
{
    (void)frame;
    WRITE_ONCE(slow.asked, slow.asked + 1);
    spin(2 * NS_PER_MS);
}

static void expect_served(void)
{
    while (READ_ONCE(slow.served) != slow.asked)
        __builtin_ia32_pause();
}

SOAK_TEST(race, lock_is_waited_for_at_each_instruction_of_its_unlock, lock_wait, lock_kick)
{
    static const struct pv_lock_ops ops = {sleep_for_a_kick, note_kick_of_waiter,
                                           every_cpu_is_preempted};
    struct thread *t;

    NEEDS_BARE_OPS;
    NEEDS_CPUS(2);
    memset(&slow, 0, sizeof(slow));
    slow.race = (struct race){.prepare = lock_outer,
                              .run = unlock_slowly,
                              .act = let_waiter_wait,
                              .check = expect_served};
    t = thread_start("waiter", WAITER, wait_in_turn, NULL);
    REQUIRE(t);
    step_with_lock_ops(&slow.race, 15, &ops);
    WRITE_ONCE(slow.over, true);
    thread_join(t);
    EXPECT_EQ(slow.lost, 0);
}

/* ---- The turn of a CPU that sleeps ----------------------------------------------------------- */

/* Guarded by: WAITER writes asleep, and the test's CPU the rest. */
static struct {
    bool held, asleep, over;
    u64 start, spun; /* ns from the call of spin_lock until it sleeps */
} turn;

/* Replacement for lock_wait: WAITER sleeps until the test's CPU would sleep, too. */
static void note_sleep(const u8 *byte, u8 value)
{
    if (byte != &outer.head && byte != &inner.head) {
        real.lock_wait(byte, value);
    } else if (pv_this_cpu() == WAITER) {
        WRITE_ONCE(turn.asleep, true);
        SPIN_UNTIL(READ_ONCE(turn.over));
    } else if (!turn.over) {
        turn.spun = pv_clock_ns() - turn.start;
        WRITE_ONCE(turn.over, true);
        holder_unlock(&inner);
    }
}

/* Replacement for vcpu_is_preempted. */
static bool no_cpu_is_preempted(u32 cpu)
{
    (void)cpu;
    return false;
}

static void wait_for_held_outer(void *arg)
{
    while (!READ_ONCE(turn.held))
        __builtin_ia32_pause();
    wait_for_outer(arg);
}

static void time_lock(struct spinlock *lock)
{
    turn.start = pv_clock_ns();
    spin_lock(lock);
    spin_unlock(lock);
}

/* Measure for how long spin_lock spins if the lock is free, but it is the turn of a sleeper. */
static void spin_for_sleeper(void)
{
    struct thread *t;

    memset(&turn, 0, sizeof(turn));
    t = thread_start("waiter", WAITER, wait_for_held_outer, NULL);
    REQUIRE(t);
    spin_lock(&outer);
    WRITE_ONCE(turn.held, true);
    EXPECT(SPIN_UNTIL(READ_ONCE(turn.asleep)));
    spin_unlock(&outer);
    time_lock(&outer);
    thread_join(t);
}

/* Measure for how long it spins if the lock's owner runs. */
static void spin_for_owner(void)
{
    memset(&turn, 0, sizeof(turn));
    holder_lock(&inner, 0);
    time_lock(&inner);
}

/* The least of several, because this CPU may lose its time to another. */
TEST(race, waiter_does_not_spin_for_a_sleepers_turn, lock_wait)
{
    static const struct pv_lock_ops ops = {note_sleep, note_kick_of_waiter, no_cpu_is_preempted};
    u64 sleeper = ~0ull, owner = ~0ull;

    NEEDS_BARE_OPS;
    NEEDS_CPUS(2);
    real = pv_ops.lock;
    use_lock_ops(&ops);
    for (u32 i = 0; i < 5; i++) {
        spin_for_sleeper();
        sleeper = MIN(sleeper, turn.spun);
        spin_for_owner();
        owner = MIN(owner, turn.spun);
    }
    use_lock_ops(&real);
    EXPECT(sleeper && sleeper * 4 < owner);
    print("# %llu ns for a sleeper, %llu ns for an owner\n", (unsigned long long)sleeper,
          (unsigned long long)owner);
}
