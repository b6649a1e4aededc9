/*
 * Functions that run on other CPUs. Each CPU has a list of calls, to which others add at its head
 * without a lock; whoever finds it empty sends the IPI. The CPU takes the whole list at once.
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

/* Once its state says that it is done the call may be gone. */
static void run(struct call *call)
{
    u32 was;

    call->fn(call->arg);
    this_cpu()->calls_run++;
    was = __atomic_exchange_n(&call->state, CALL_DONE, __ATOMIC_SEQ_CST);
    if (was >= CALL_WAITER)
        pv_send_ipi(was - CALL_WAITER, PV_IPI_RESCHEDULE);
}

void smp_on_call(void)
{
    struct cpu *me = this_cpu();
    struct call *list = reversed(__atomic_exchange_n(&me->calls, NULL, __ATOMIC_SEQ_CST));

    while (list) {
        struct call *next = list->next;

        run(list);
        list = next;
    }
}

static void add(struct cpu *c, struct call *call)
{
    struct call *head = __atomic_load_n(&c->calls, __ATOMIC_RELAXED);

    do
        call->next = head;
    while (!__atomic_compare_exchange_n(&c->calls, &head, call, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED));
    if (!head && pv_send_ipi(c->area.number, PV_IPI_CALL))
        panic("CPU %u is online and takes no IPI", c->area.number);
}

/* A CPU that goes down waits for its callers, and then runs what they have added. */
int smp_call_async(u32 cpu, struct call *call)
{
    int error = -EINVAL;

    call->state = CALL_ASKED;
    if (cpu >= PV_CPUS_MAX)
        return error;
    __atomic_fetch_add(&cpus[cpu].callers, 1, __ATOMIC_SEQ_CST);
    if (smp_is_online(cpu)) {
        add(&cpus[cpu], call);
        error = 0;
    }
    __atomic_fetch_sub(&cpus[cpu].callers, 1, __ATOMIC_SEQ_CST);
    return error;
}

static bool is_done(const struct call *call)
{
    return __atomic_load_n(&call->state, __ATOMIC_SEQ_CST) == CALL_DONE;
}

/* The thread may halt on one CPU and go on at another: it names the one anew each time. */
static void halt_until_done(struct call *call)
{
    u32 state = __atomic_load_n(&call->state, __ATOMIC_SEQ_CST);

    pv_irq_disable();
    while (state != CALL_DONE &&
           !__atomic_compare_exchange_n(&call->state, &state, CALL_WAITER + pv_this_cpu(), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    if (state != CALL_DONE)
        pv_safe_halt();
    pv_irq_enable();
}

/*
 * With interrupts disabled this CPU would answer nobody: two that wait for each other, one of them
 * perhaps for its TLB (flush_tlb_others), would wait for ever.
 */
static void check_open(void)
{
    if (!(pv_save_fl() & PV_FLAG_IF))
        pv_panic("smp_call", "with interrupts disabled CPU %u cannot wait for another",
                 pv_this_cpu());
}

void smp_call_wait(struct call *call)
{
    check_open();
    for (u32 i = 0; i < SPINS && !is_done(call); i++)
        __builtin_ia32_pause();
    while (!is_done(call))
        halt_until_done(call);
}

/*
 * Asked of some first, then waited for: as many as there is room for on the stack. The thread may
 * be moved until interrupts are disabled: the CPU to which it has come is called here.
 */
u32 smp_call_many(u64 set, void (*fn)(void *arg), void *arg)
{
    struct call calls[16];
    u32 total = 0;

    check_open();
    pv_irq_disable();
    if (set >> pv_this_cpu() & 1) {
        set &= ~(1ull << pv_this_cpu());
        fn(arg);
        this_cpu()->calls_run++;
        total++;
    }
    pv_irq_enable();
    while (set) {
        u32 asked = 0;

        for (; set && asked < ARRAY_SIZE(calls); set &= set - 1) {
            calls[asked] = (struct call){.fn = fn, .arg = arg};
            if (!smp_call_async((u32)__builtin_ctzll(set), &calls[asked]))
                asked++;
        }
        for (u32 i = 0; i < asked; i++)
            smp_call_wait(&calls[i]);
        total += asked;
    }
    return total;
}

int smp_call(u32 cpu, void (*fn)(void *arg), void *arg)
{
    return cpu < PV_CPUS_MAX && smp_call_many(1ull << cpu, fn, arg) ? 0 : -EINVAL;
}
