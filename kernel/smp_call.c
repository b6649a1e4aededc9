/* SPDX-License-Identifier: MIT */
/*
 * Calls of functions on other CPUs (kernel/smp.h, struct call).
 *
 * Each CPU has a list of calls that it is to run. Callers push at its head by compare-and-exchange,
 * without a lock; the caller that finds the list empty sends PV_IPI_CALL, because an earlier one
 * has sent it already otherwise. The CPU takes the whole list by one exchange, reverses it, and
 * runs the calls in the order in which they were made.
 *
 * The waiter. smp_call_wait spins for a while, then halts. Before it halts it replaces
 * CALL_PENDING by CALL_WAITED and its CPU's number, in one atomic step; the CPU that ends the call
 * sees that in the value that it replaces by CALL_DONE, and sends an IPI. After that exchange it
 * does not touch the call again, because the waiter may have freed it. Interrupts are disabled from
 * the exchange to the halt, so the IPI cannot arrive before the halt and be lost.
 *
 * Why two CPUs that call each other do not deadlock: calls run in the IPI's handler, also while the
 * thread that was interrupted waits for a call of its own. That needs interrupts enabled in every
 * waiter, which check_interrupts_enabled enforces, and no spinlock held, which the callers promise.
 *
 * CPUs that go offline. A caller counts itself in cpus[n].callers before it tests whether the CPU
 * is online, and the CPU goes offline before it waits for that count to fall to 0 (smp_leave). So
 * either the caller sees it offline, or the CPU sees the caller and runs its call before it leaves.
 */
#include "kernel/smp.h"
#include "kernel/panic.h"

#define SPINS 2000 /* before a waiter halts */

static struct call *reversed(struct call *list)
{
    struct call *out = NULL;

    while (list) {
        struct call *next = list->next;

        list->next = out;
        out = list;
        list = next;
    }
    return out;
}

/* Run a call, and wake its waiter. The call may be freed from the exchange on. */
static void call_run(struct call *call)
{
    struct call was;

    call->fn(call->arg);
    this_cpu()->calls_run++;
    was.word = __atomic_exchange_n(&call->word, CALL_DONE, __ATOMIC_SEQ_CST);
    if (was.state == CALL_WAITED)
        pv_send_ipi(was.waiter, PV_IPI_RESCHEDULE);
}

void smp_on_call(void)
{
    struct cpu *me = this_cpu();
    struct call *list = reversed(__atomic_exchange_n(&me->calls, NULL, __ATOMIC_SEQ_CST));

    while (list) {
        struct call *next = list->next;

        call_run(list);
        list = next;
    }
}

static void call_push(struct cpu *c, struct call *call)
{
    struct call *head = __atomic_load_n(&c->calls, __ATOMIC_RELAXED);

    do
        call->next = head;
    while (!__atomic_compare_exchange_n(&c->calls, &head, call, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED));
    if (!head && pv_send_ipi(c->area.number, PV_IPI_CALL))
        panic("CPU %u is online and takes no IPI", c->area.number);
}

int smp_call_async(u32 cpu, struct call *call)
{
    int error = -EINVAL;

    call->word = CALL_PENDING;
    if (cpu >= PV_CPUS_MAX)
        return error;
    __atomic_fetch_add(&cpus[cpu].callers, 1, __ATOMIC_SEQ_CST);
    if (smp_is_online(cpu)) {
        call_push(&cpus[cpu], call);
        error = 0;
    }
    __atomic_fetch_sub(&cpus[cpu].callers, 1, __ATOMIC_SEQ_CST);
    return error;
}

static bool call_is_done(const struct call *call)
{
    return __atomic_load_n(&call->state, __ATOMIC_SEQ_CST) == CALL_DONE;
}

/*
 * Halt this CPU until an interrupt, unless the call is done. The thread may have been moved since
 * the last halt, so each time it names the CPU on which it halts now.
 */
static void halt_until_done(struct call *call)
{
    struct call seen, waited = {.state = CALL_WAITED};

    seen.word = __atomic_load_n(&call->word, __ATOMIC_SEQ_CST);
    pv_irq_disable();
    waited.waiter = (u16)pv_this_cpu();
    while (seen.state != CALL_DONE &&
           !__atomic_compare_exchange_n(&call->word, &seen.word, waited.word, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    if (seen.state != CALL_DONE)
        pv_safe_halt();
    pv_irq_enable();
}

/*
 * A CPU that waits with interrupts disabled answers neither calls nor TLB flushes
 * (flush_tlb_others), and would wait indefinitely for a CPU that waits for it.
 */
static void check_interrupts_enabled(void)
{
    if (!(pv_save_fl() & PV_FLAG_IF))
        pv_panic("smp_call", "CPU %u waits for another CPU with interrupts disabled",
                 pv_this_cpu());
}

void smp_call_wait(struct call *call)
{
    check_interrupts_enabled();
    for (u32 i = 0; i < SPINS && !call_is_done(call); i++)
        __builtin_ia32_pause();
    while (!call_is_done(call))
        halt_until_done(call);
}

/* If this CPU is in the set, remove it and call fn here. Return how many calls that were, 0 or 1.
 */
static u32 call_here(u64 *set, void (*fn)(void *arg), void *arg)
{
    u32 called = 0;

    pv_irq_disable(); /* the thread cannot be moved now */
    if (*set >> pv_this_cpu() & 1) {
        *set &= ~(1ull << pv_this_cpu());
        fn(arg);
        this_cpu()->calls_run++;
        called = 1;
    }
    pv_irq_enable();
    return called;
}

/* Make as many calls at a time as the array on the stack holds, then wait for those. */
u32 smp_call_many(u64 set, void (*fn)(void *arg), void *arg)
{
    struct call calls[16];
    u32 total;

    check_interrupts_enabled();
    total = call_here(&set, fn, arg);
    while (set) {
        u32 made = 0;

        for (; set && made < ARRAY_SIZE(calls); set &= set - 1) {
            calls[made] = (struct call){.fn = fn, .arg = arg};
            if (!smp_call_async((u32)__builtin_ctzll(set), &calls[made]))
                made++;
        }
        for (u32 i = 0; i < made; i++)
            smp_call_wait(&calls[i]);
        total += made;
    }
    return total;
}

int smp_call(u32 cpu, void (*fn)(void *arg), void *arg)
{
    return cpu < PV_CPUS_MAX && smp_call_many(1ull << cpu, fn, arg) ? 0 : -EINVAL;
}
