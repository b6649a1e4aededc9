/* SPDX-License-Identifier: MIT */
/*
 * Kicks under stress. A token moves from CPU to CPU, but for CPU 0: the CPU that has it gives it to
 * the next one, and kicks that one. A CPU without the token waits with interrupts disabled, so
 * where lock_wait blocks the CPU only a kick wakes it. CPU 0 watches: if the token has not moved
 * for some time, a kick was lost, and CPU 0 kicks them all. With more than one token a later kick
 * could hide that an earlier one was lost.
 */
#include "test/harness/cpus.h"

enum { PATIENCE_S = 20 };

static u8 has_token[STRESS_CPUS]; /* Atomic: the CPU before gives it, and the CPU itself takes it */
static u64 kicks;                 /* Written: by the CPU that has the token */
static bool over;                 /* Atomic: a flag */

static bool wait_for_token(u32 cpu)
{
    INTERRUPTS_OFF
    {
        while (!READ_ONCE(has_token[cpu]) && !READ_ONCE(over))
            pv_lock_wait(&has_token[cpu], 0);
    }
    return !READ_ONCE(over);
}

static void give_token(u32 cpu)
{
    __atomic_store_n(&has_token[cpu], 1, __ATOMIC_SEQ_CST);
    pv_lock_kick(cpu);
}

static void end_all_waits(void)
{
    __atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
    for (u32 cpu = 1; cpu < stress_cpus(); cpu++)
        pv_lock_kick(cpu);
}

/* CPU 1 counts the rounds, and ends the game. */
static void pass_tokens(void *arg)
{
    const u32 cpu = pv_this_cpu(), next = cpu + 1 < stress_cpus() ? cpu + 1 : 1;
    struct stress rounds = {.normal = 500};

    (void)arg;
    while (wait_for_token(cpu)) {
        if (cpu == 1 && !stress_continues(&rounds)) {
            end_all_waits();
            return;
        }
        WRITE_ONCE(has_token[cpu], 0);
        WRITE_ONCE(kicks, kicks + 1);
        give_token(next);
    }
}

/* Return how often the token stopped although the CPU that had to take it was kicked. */
static u32 watch_token(void)
{
    u64 seen = 0, since = pv_clock_ns();
    u32 lost = 0;

    while (!READ_ONCE(over)) {
        sleep_until(pv_clock_ns() + 20 * NS_PER_MS);
        if (READ_ONCE(kicks) != seen) {
            seen = READ_ONCE(kicks);
            since = pv_clock_ns();
        } else if (pv_clock_ns() - since > PATIENCE_S * NS_PER_S) {
            lost++;
            since = pv_clock_ns();
            for (u32 cpu = 1; cpu < stress_cpus(); cpu++)
                pv_lock_kick(cpu);
        }
    }
    return lost;
}

SOAK_TEST(locks, no_kick_is_lost, lock_wait, lock_kick)
{
    struct workers workers;
    u32 lost;

    NEEDS_CPUS(3);
    for (u32 cpu = 0; cpu < STRESS_CPUS; cpu++)
        has_token[cpu] = cpu == 1;
    kicks = 0;
    over = false;
    workers_start(&workers, 1, stress_cpus(), pass_tokens, NULL, 0);
    lost = watch_token();
    workers_join(&workers);
    EXPECT_EQ(lost, 0);
    print("# %llu kicks, %u lost\n", (unsigned long long)kicks, lost);
}
