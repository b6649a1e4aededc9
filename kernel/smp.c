/* SPDX-License-Identifier: MIT */
/*
 * How CPUs come online, go offline, and are stopped for a panic.
 *
 * Online. smp_up prepares the CPU's area and stacks, and the op cpu_up starts it in cpu_begin, on
 * the stack of its idle thread, as if that thread had run before. cpu_begin loads the CPU's tables
 * and sets online; from then on other CPUs give it threads and calls. If the CPU does not arrive in
 * time, smp_up and the CPU decide by one exchange of start_wanted who is first: either smp_up gives
 * the CPU up, and the CPU halts if it arrives later; or the CPU has started, and smp_up keeps
 * waiting.
 *
 * Offline. smp_down sets closing, so that no further thread can be bound to the CPU, and asks the
 * CPU's idle thread by leave_wanted. smp_leave, on that CPU, clears online first and looks for
 * bound threads, callers and ready threads after that. Those that use the CPU do the reverse: they
 * count themselves (bound, callers) or lock the queue first, and test online after that. So either
 * they see the CPU offline, or the CPU sees them. If a thread is bound, the CPU sets online again:
 * a refusal. Otherwise it exchanges leave_wanted; that fails if smp_down has given up, and then it
 * refuses too. Now it runs the calls that are left, gives its threads away, and leaves by the op
 * cpu_leave. smp_down waits until the backend reports that it has left, and takes over its timers.
 * smp_down_keeping_threads is the same with keep_bound: the CPU leaves although threads are bound
 * to it. Those stay in its queue, or are enqueued there when they wake, and run when it is up
 * again.
 *
 * Why this does not deadlock: smp_down waits asleep and without a lock, so its own CPU keeps
 * answering calls; smp_leave waits only for callers that are between counting themselves and adding
 * their call, which they do without waiting, and it runs calls in the meantime. Every wait of
 * smp_up and smp_down has a limit (struct time_limit), after which they return -ETIME.
 *
 * Stopping. A CPU that panics or ends the run stops the others by NMI, since they may have
 * interrupts disabled. Each stores the frame that the NMI interrupted, for its backtrace, and halts
 * with its locks held; so the CPU that is left takes no lock any more (console_seize).
 */
#include "kernel/smp.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "mm/space.h"

#define STOP_LIMIT_NS NS_PER_S
#define POLL_NS       (50 * NS_PER_US)

/* How long smp_down waits for threads to end that are bound to the CPU. */
#define UNBIND_LIMIT_NS (100 * NS_PER_MS)

u32 smp_online_count(void)
{
    u32 count = 0;

    for_each_online_cpu (c)
        count++;
    return count;
}

/* Called by the CPU and, when its time is over, by smp_up. Return true to the first caller only. */
static bool claim_start(struct cpu *c)
{
    return __atomic_exchange_n(&c->start_wanted, false, __ATOMIC_SEQ_CST);
}

/* The first C function of every CPU but CPU 0. Halt before doing anything if it comes too late. */
static void cpu_begin(void)
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

/* Give the CPU what it starts with. */
static int prepare_start(struct cpu *c, u32 number)
{
    struct pv_cpu_start *start = &c->start;

    if (cpu_memory_alloc(c))
        return -ENOMEM;
    if (!sched_init_cpu(c))
        return -ENOSPC;
    c->area.self = c;
    c->area.number = number;
    c->area.stack_limit = c->idle->stack_limit;
    c->area.spinlocks = 0;
    c->thread = c->idle;
    start->area = &c->area;
    start->entry = cpu_begin;
    start->stack_top = (u64)c->idle->stack + THREAD_STACK_SIZE;
    return 0;
}

/* With interrupts disabled, because this thread must not be moved to the CPU that it stops. */
static int stop_cpu(u32 cpu)
{
    const u64 flags = pv_irq_save();
    const int error = pv_cpu_down(cpu);

    pv_restore_fl(flags);
    return error;
}

static void sleep_until_next_poll(void)
{
    sleep_until(pv_clock_ns() + POLL_NS);
}

/* A CPU that has started gets ANSWER_LIMIT_NS more: it may hold locks, so it cannot be given up. */
static int wait_until_online(u32 cpu, u64 limit_ns)
{
    struct time_limit limit = time_limit(limit_ns);
    struct cpu *c = &cpus[cpu];
    bool has_started = false;

    while (!cpu_is_online(c)) {
        if (time_limit_reached(&limit)) {
            if (has_started)
                return -ETIME;
            if (claim_start(c)) {
                stop_cpu(cpu);
                return -ETIME;
            }
            has_started = true;
            limit = time_limit(ANSWER_LIMIT_NS);
        }
        sleep_until_next_poll();
    }
    return 0;
}

int smp_up_within(u32 cpu, u64 limit_ns)
{
    struct cpu *c = &cpus[cpu];
    int error;

    if (!cpu || cpu >= MIN(pv_cpu_count(), PV_CPUS_MAX) || cpu_is_online(c))
        return -EINVAL;
    error = prepare_start(c, cpu);
    if (error)
        return error;
    __atomic_store_n(&c->start_wanted, true, __ATOMIC_SEQ_CST);
    error = pv_cpu_up(cpu, &c->start);
    return error ? error : wait_until_online(cpu, limit_ns);
}

int smp_up(u32 cpu)
{
    return smp_up_within(cpu, ANSWER_LIMIT_NS);
}

/* While the CPU is offline it runs no thread but the idle thread, the caller (choose_next). */
void smp_leave(void)
{
    struct cpu *c = this_cpu();

    __atomic_store_n(&c->online, false, __ATOMIC_SEQ_CST);
    if ((__atomic_load_n(&c->bound, __ATOMIC_SEQ_CST) && !READ_ONCE(c->keep_bound)) ||
        !__atomic_exchange_n(&c->leave_wanted, false, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&c->online, true, __ATOMIC_SEQ_CST);
        __atomic_store_n(&c->leave_wanted, false, __ATOMIC_SEQ_CST);
        return;
    }
    while (__atomic_load_n(&c->callers, __ATOMIC_SEQ_CST))
        smp_on_call();
    smp_on_call();
    mm_cpu_leave();
    sched_leave_cpu();
    pv_cpu_leave();
}

/* The CPU is offline: wait until it has executed cpu_leave, then have the backend stop it. */
static int wait_until_left(u32 cpu)
{
    struct time_limit limit = time_limit(ANSWER_LIMIT_NS);

    while (pv_cpu_is_up(cpu)) {
        if (time_limit_reached(&limit))
            return -ETIME;
        sleep_until_next_poll();
    }
    return stop_cpu(cpu);
}

/* Ask the CPU to go offline. By clearing leave_wanted it answers that it is, or that it refuses. */
static int ask_to_leave(struct cpu *c)
{
    struct time_limit limit = time_limit(ANSWER_LIMIT_NS);

    __atomic_store_n(&c->leave_wanted, true, __ATOMIC_SEQ_CST);
    pv_send_ipi(c->area.number, PV_IPI_RESCHEDULE);
    while (READ_ONCE(c->leave_wanted) && !time_limit_reached(&limit))
        sleep_until_next_poll();
    if (__atomic_exchange_n(&c->leave_wanted, false, __ATOMIC_SEQ_CST))
        return -ETIME;
    return cpu_is_online(c) ? -EBUSY : 0;
}

/* Repeat a request that is refused: while closing is set, the bound threads can only become fewer.
 */
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

static bool can_go_down(u32 cpu)
{
    return cpu && cpu != pv_this_cpu() && smp_is_online(cpu);
}

/* The CPU is offline or has refused, as error says. */
static int finish_down(struct cpu *c, int error)
{
    if (error)
        return error;
    error = wait_until_left(c->area.number);
    timers_take_over(c);
    return error;
}

int smp_down(u32 cpu)
{
    return can_go_down(cpu) ? finish_down(&cpus[cpu], ask_until_unbound(&cpus[cpu])) : -EINVAL;
}

int smp_down_keeping_threads(u32 cpu)
{
    struct cpu *c = &cpus[cpu];
    int error;

    if (!can_go_down(cpu))
        return -EINVAL;
    WRITE_ONCE(c->keep_bound, true);
    error = finish_down(c, ask_to_leave(c));
    WRITE_ONCE(c->keep_bound, false);
    return error;
}

/* The CPU that stops the others. Atomic: set once, by a compare-and-exchange. */
static const struct cpu *stopper;

bool smp_is_stopper(void)
{
    return __atomic_load_n(&stopper, __ATOMIC_SEQ_CST) == this_cpu();
}

bool smp_stop_nmi(const struct trap_frame *frame)
{
    struct cpu *c = this_cpu();

    if (!__atomic_load_n(&stopper, __ATOMIC_SEQ_CST) || smp_is_stopper())
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

void smp_become_stopper(void)
{
    const struct cpu *none = NULL;

    pv_irq_disable();
    __atomic_compare_exchange_n(&stopper, &none, this_cpu(), false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    while (!smp_is_stopper())
        barrier();
}

void smp_stop_others(void)
{
    const struct cpu *me;

    smp_become_stopper();
    me = this_cpu();
    console_seize();
    for_each_online_cpu (c)
        if (c != me)
            pv_send_nmi(c->area.number);
    for_each_online_cpu (c)
        if (c != me) {
            wait_stopped(c);
            pv_cpu_down(c->area.number);
        }
}
