/* See kernel/smp.h: how CPUs come up, go down, and are stopped. */
#include "kernel/smp.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/space.h"
#include "mm/vmap.h"

#define STOP_LIMIT_NS NS_PER_S
#define LOOK_NS       (50 * NS_PER_US)

/* How long smp_down waits for the threads that are bound to the CPU. */
#define UNBIND_LIMIT_NS (100 * NS_PER_MS)

u32 smp_online_count(void)
{
    u32 count = 0;

    for_each_online_cpu (c)
        count++;
    return count;
}

/* Return whether the CPU still may start: only one of it and smp_up gets true. */
static bool claim_start(struct cpu *c)
{
    return __atomic_exchange_n(&c->start_wanted, false, __ATOMIC_SEQ_CST);
}

/*
 * The first C function of every CPU but the first, on the stack of its idle thread. A CPU that
 * arrives after smp_up has given it up halts before it touches anything.
 */
static void start_here(void)
{
    struct cpu *c = this_cpu();

    if (!claim_start(c))
        pv_halt();
    cpu_init();
    pv_cpu_enter();
    mm_cpu_enter();
    pv_setup_secondary_clock();
    fpu_init();
    c->starts++;
    __atomic_store_n(&c->online, true, __ATOMIC_SEQ_CST);
    sched_idle_loop();
}

/* It begins on its idle thread's stack, as if that had run already. */
static int prepare(struct cpu *c, u32 number)
{
    struct pv_cpu_start *start = &c->start;

    if (!sched_init_cpu(c))
        return -ENOSPC;
    for (u32 i = 0; i < PV_EXCEPTION_STACKS; i++) {
        if (!start->exception_stacks[i])
            start->exception_stacks[i] = vmalloc(PV_EXCEPTION_STACK_SIZE);
        if (!start->exception_stacks[i])
            return -ENOMEM;
    }
    c->area.self = c;
    c->area.number = number;
    c->area.stack_limit = c->idle->stack_limit;
    c->area.spinlocks = 0;
    c->thread = c->idle;
    start->area = &c->area;
    start->entry = start_here;
    start->stack_top = (u64)c->idle->stack + THREAD_STACK_SIZE;
    return 0;
}

/* Interrupts are disabled, so that this thread is not moved to the CPU that it takes off. */
static int take_off(u32 cpu)
{
    const u64 flags = pv_irq_save();
    const int error = pv_cpu_down(cpu);

    pv_restore_fl(flags);
    return error;
}

static void look_again_later(void)
{
    sleep_until(pv_clock_ns() + LOOK_NS);
}

/* A CPU that has begun gets more time: it may hold locks, so it cannot be given up. */
static int wait_online(u32 cpu, u64 limit_ns)
{
    struct time_limit limit = time_limit(limit_ns);
    struct cpu *c = &cpus[cpu];
    bool has_begun = false;

    while (!cpu_is_online(c)) {
        if (time_limit_reached(&limit)) {
            if (has_begun)
                return -ETIME;
            if (claim_start(c)) {
                take_off(cpu);
                return -ETIME;
            }
            has_begun = true;
            limit = time_limit(ANSWER_LIMIT_NS);
        }
        look_again_later();
    }
    return 0;
}

int smp_up_within(u32 cpu, u64 limit_ns)
{
    struct cpu *c = &cpus[cpu];
    int error;

    if (!cpu || cpu >= MIN(pv_cpu_count(), PV_CPUS_MAX) || cpu_is_online(c))
        return -EINVAL;
    error = prepare(c, cpu);
    if (error)
        return error;
    __atomic_store_n(&c->start_wanted, true, __ATOMIC_SEQ_CST);
    error = pv_cpu_up(cpu, &c->start);
    return error ? error : wait_online(cpu, limit_ns);
}

int smp_up(u32 cpu)
{
    return smp_up_within(cpu, ANSWER_LIMIT_NS);
}

/*
 * The CPU is offline first, so that nobody binds a thread to it or calls it from then on
 * (smp_call_async, thread_start); whoever came before that is seen here. Once it is sure to go, it
 * does what callers have left, answers those who flush, and gives its threads away; then nothing
 * happens here that somebody waits for. Offline, it runs no thread but this. Interrupts disabled.
 */
static void leave(void)
{
    struct cpu *c = this_cpu();

    __atomic_store_n(&c->online, false, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&c->bound, __ATOMIC_SEQ_CST) ||
        !__atomic_exchange_n(&c->when_idle, NULL, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&c->online, true, __ATOMIC_SEQ_CST);
        __atomic_store_n(&c->when_idle, NULL, __ATOMIC_SEQ_CST);
        return;
    }
    while (__atomic_load_n(&c->callers, __ATOMIC_SEQ_CST))
        smp_on_call();
    smp_on_call();
    mm_cpu_leave();
    sched_leave_cpu();
    pv_cpu_leave();
}

/* The CPU is offline and has nothing left to do but pv_cpu_leave. */
static int wait_left(u32 cpu)
{
    struct time_limit limit = time_limit(ANSWER_LIMIT_NS);

    while (pv_cpu_is_up(cpu)) {
        if (time_limit_reached(&limit))
            return -ETIME;
        look_again_later();
    }
    return take_off(cpu);
}

/* Ask the CPU to go offline. It answers by clearing when_idle: then it is offline, or has refused.
 */
static int ask_to_leave(struct cpu *c)
{
    struct time_limit limit = time_limit(ANSWER_LIMIT_NS);

    __atomic_store_n(&c->when_idle, leave, __ATOMIC_SEQ_CST);
    pv_send_ipi(c->area.number, PV_IPI_RESCHEDULE);
    while (READ_ONCE(c->when_idle) && !time_limit_reached(&limit))
        look_again_later();
    if (__atomic_exchange_n(&c->when_idle, NULL, __ATOMIC_SEQ_CST))
        return -ETIME;
    return cpu_is_online(c) ? -EBUSY : 0;
}

/* While closing is set no thread can be bound to the CPU, so those that are bound get fewer. */
static int ask_until_unbound(struct cpu *c)
{
    struct time_limit limit = time_limit(UNBIND_LIMIT_NS);
    int error;

    __atomic_store_n(&c->closing, true, __ATOMIC_SEQ_CST);
    while ((error = ask_to_leave(c)) == -EBUSY && !time_limit_reached(&limit))
        sleep_until(pv_clock_ns() + NS_PER_MS);
    __atomic_store_n(&c->closing, false, __ATOMIC_SEQ_CST);
    return error;
}

int smp_down(u32 cpu)
{
    struct cpu *c = &cpus[cpu];
    int error;

    if (!cpu || cpu == pv_this_cpu() || !smp_is_online(cpu))
        return -EINVAL;
    error = ask_until_unbound(c);
    if (error)
        return error;
    error = wait_left(cpu);
    timers_take_over(c);
    return error;
}

/* The CPU that stops the others. Atomic: set once, by a compare-and-exchange. */
static const struct cpu *stopper;

bool smp_is_alone(void)
{
    return __atomic_load_n(&stopper, __ATOMIC_SEQ_CST) == this_cpu();
}

bool smp_stop_nmi(const struct trap_frame *frame)
{
    struct cpu *c = this_cpu();

    if (!__atomic_load_n(&stopper, __ATOMIC_SEQ_CST) || smp_is_alone())
        return false;
    c->stopped_frame = *frame;
    __atomic_store_n(&c->stopped, true, __ATOMIC_SEQ_CST);
    pv_halt();
    return true;
}

static void wait_stopped(const struct cpu *c)
{
    struct time_limit limit = time_limit(STOP_LIMIT_NS);

    while (!__atomic_load_n(&c->stopped, __ATOMIC_SEQ_CST) && !time_limit_reached(&limit))
        __builtin_ia32_pause();
}

void smp_stop_others(void)
{
    const struct cpu *nobody = NULL, *me;

    pv_irq_disable();
    me = this_cpu();
    __atomic_compare_exchange_n(&stopper, &nobody, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    while (!smp_is_alone())
        barrier(); /* an NMI is on its way */
    for_each_online_cpu (c)
        if (c != me)
            pv_send_nmi(c->area.number);
    for_each_online_cpu (c)
        if (c != me) {
            wait_stopped(c);
            pv_cpu_down(c->area.number);
        }
}

void smp_print_stopped(void)
{
    for_each_online_cpu (c) {
        if (c == this_cpu())
            continue;
        if (!c->stopped) {
            print("CPU %u does not answer to an NMI\n", c->area.number);
            continue;
        }
        print("CPU %u, thread %s:\n", c->area.number, c->thread->name);
        backtrace_print(c->stopped_frame.rip, c->stopped_frame.rbp);
    }
}
