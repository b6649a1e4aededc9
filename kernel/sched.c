/*
 * Whose turn it is, on each CPU: the ready threads stand in a queue, run for a slice each and go to
 * its end. A CPU without any takes one from another's queue, or halts. There is no tick: the timer
 * runs only while somebody waits for his turn.
 *
 * queue_lock protects a CPU's queue and the state and cpu of the threads that belong to it. It is
 * held across a switch, taken by the thread that goes and left by the one that comes, so that
 * nobody runs a thread whose stack is still in use. No other lock is taken under it.
 */
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "mm/space.h"
#include "pv/patch/patch.h"

#define SLICE_NS (10 * NS_PER_MS)

static void append(struct cpu *c, struct thread *t)
{
    WRITE_ONCE(t->cpu, c);
    t->next = NULL;
    *c->end = t;
    c->end = &t->next;
}

/* Takes out the first thread, or the first that need not run here. */
static struct thread *take(struct cpu *c, bool movable)
{
    struct thread **at = &c->first, *t;

    while ((t = *at) && movable && t->home == c)
        at = &t->next;
    if (!t)
        return NULL;
    *at = t->next;
    if (c->end == &t->next)
        c->end = at;
    return t;
}

static void end_slice(struct timer *timer)
{
    struct cpu *c = this_cpu();

    (void)timer;
    c->area.need_switch = c->first != NULL;
}

static void start_slice(struct cpu *c)
{
    timer_start(&c->slice, pv_clock_ns() + SLICE_NS, end_slice);
}

/* Somebody waits for his turn here. Interrupts disabled. */
static void look_at_queue(struct cpu *c)
{
    if (!READ_ONCE(c->first))
        return;
    if (c->thread == c->idle)
        c->area.need_switch = true;
    else if (!c->slice.queued)
        start_slice(c);
}

/* It may have been called to take a thread, or for what the idle thread has to do. */
void sched_on_reschedule(void)
{
    struct cpu *c = this_cpu();

    look_at_queue(c);
    if (c->thread == c->idle || READ_ONCE(c->when_idle))
        c->area.need_switch = true;
}

/* One CPU that has nothing to do: it will take what is movable. */
static void call_idle_cpu(void)
{
    for_each_online_cpu (c) {
        if (c->thread == c->idle && !c->first) {
            pv_send_ipi(c->area.number, PV_IPI_RESCHEDULE);
            return;
        }
    }
}

/*
 * Makes t ready on the CPU to which it is bound, or else on c, whose lock is held and left. A CPU
 * that has gone down takes no thread: then it is this one's. One that goes down empties its queue
 * after it went offline, so looking under the lock is what counts; a CPU to which a thread is bound
 * stays. Interrupts disabled.
 */
static void enqueue(struct cpu *c, struct thread *t)
{
    const bool movable = !t->home;
    struct cpu *to = t->home ? t->home : cpu_is_online(c) ? c : this_cpu();

    if (to != c) {
        spin_unlock(&c->queue_lock);
        spin_lock(&to->queue_lock);
    }
    append(to, t);
    spin_unlock(&to->queue_lock);
    if (to == this_cpu())
        look_at_queue(to);
    else
        pv_send_ipi(to->area.number, PV_IPI_RESCHEDULE);
    if (movable && to->thread != to->idle)
        call_idle_cpu();
}

void sched_enqueue(struct thread *t, struct cpu *c)
{
    const u64 flags = spin_lock_irqsave(&c->queue_lock);

    enqueue(c, t);
    pv_restore_fl(flags);
}

static struct cpu *lock_cpu_of(const struct thread *t)
{
    for (;;) {
        struct cpu *c = READ_ONCE(t->cpu);

        spin_lock(&c->queue_lock);
        if (c == READ_ONCE(t->cpu))
            return c;
        spin_unlock(&c->queue_lock);
    }
}

/* One that still runs, on its way to sched_switch, finds itself ready there. */
void sched_wake(struct thread *t)
{
    const u64 flags = pv_irq_save();
    struct cpu *c = lock_cpu_of(t);
    const bool was_blocked = t->state == THREAD_BLOCKED;

    if (was_blocked)
        WRITE_ONCE(t->state, THREAD_READY);
    if (was_blocked && c->thread != t)
        enqueue(c, t);
    else
        spin_unlock(&c->queue_lock);
    pv_restore_fl(flags);
}

static struct thread *take_movable(struct cpu *c)
{
    struct thread *t;

    spin_lock(&c->queue_lock);
    t = take(c, true);
    spin_unlock(&c->queue_lock);
    return t;
}

/* Interrupts disabled. A CPU that idles will run what it was given itself. */
static bool take_from_others(struct cpu *me)
{
    for_each_online_cpu (c) {
        struct thread *t = NULL;

        if (READ_ONCE(c->first) && c->thread != c->idle)
            t = take_movable(c);
        if (t) {
            sched_enqueue(t, me);
            return true;
        }
    }
    return false;
}

void sched_leave_cpu(void)
{
    struct thread *t;

    while ((t = take_movable(this_cpu())))
        sched_enqueue(t, &cpus[0]);
}

/*
 * The thread that was switched away from may run on another CPU once the queue is unlocked, and may
 * destroy its space there: this CPU leaves the space's root before.
 */
void sched_arrive(void)
{
    struct cpu *c = this_cpu();
    struct thread *t = c->thread;

    c->area.stack_limit = t->stack_limit;
    mm_space_switch(t->space);
    spin_unlock(&c->queue_lock);
    if (t->on_switch)
        t->on_switch(t, true);
    if (c->first && t != c->idle)
        start_slice(c);
}

static struct thread *choose(struct cpu *c, struct thread *prev)
{
    struct thread *next = READ_ONCE(c->when_idle) || !c->online ? c->idle : take(c, false);

    if (next)
        return next;
    return prev->state == THREAD_READY ? prev : c->idle;
}

/* No limit of the stack holds between the two stacks: an NMI may come there. */
void sched_switch(void)
{
    struct cpu *c = this_cpu();
    struct thread *prev = c->thread, *next;
    u32 lazy;

    if (c->area.spinlocks)
        panic("thread %s gives up CPU %u while it holds a spinlock", prev->name, c->area.number);
    spin_lock(&c->queue_lock);
    c->area.need_switch = false;
    next = choose(c, prev);
    if (next == prev) {
        spin_unlock(&c->queue_lock);
        return;
    }
    if (prev->state == THREAD_READY && prev != c->idle)
        append(c, prev);
    if (prev->on_switch)
        prev->on_switch(prev, false);
    prev->space = mm_space_current();
    lazy = pv_context_switch_start();
    next->switches++;
    WRITE_ONCE(c->thread, next);
    c->area.stack_limit = 0;
    thread_switch(&prev->sp, next->sp, prev->fpu, next->fpu);
    sched_arrive();
    pv_context_switch_end(lazy);
}

/* While a thread is not running its call sites may become others. */
void sched_on_interrupts_done(struct trap_frame *frame)
{
    const struct cpu *c = this_cpu();

    if (!c->area.need_switch || c->area.spinlocks)
        return;
    pv_restart_site(frame);
    sched_switch();
}

/* While an interrupt is handled it is sched_on_interrupts_done that makes up for the turn. */
void sched_on_unlock(void)
{
    if (!this_cpu()->irq_frame)
        thread_yield();
}

void thread_yield(void)
{
    const u64 flags = pv_irq_save();

    sched_switch();
    pv_restore_fl(flags);
}

void sched_idle_loop(void)
{
    struct cpu *c = this_cpu();

    for (;;) {
        void (*work)(void);

        pv_irq_disable();
        work = READ_ONCE(c->when_idle);
        if (work)
            work();
        if (READ_ONCE(c->first) || take_from_others(c)) {
            sched_switch();
            pv_irq_enable();
        } else {
            c->area.need_switch = false;
            pv_safe_halt();
        }
    }
}

static void idle(struct thread *thread)
{
    (void)thread;
    sched_arrive();
    sched_idle_loop();
}

/* One that was up before keeps its idle thread; its queue is empty, and its locks are free. */
bool sched_init_cpu(struct cpu *c)
{
    struct thread *t = c->idle ? c->idle : thread_new("idle", idle);

    if (!t)
        return false;
    c->queue_lock.name = "run queue";
    c->timer_lock.name = "timers";
    c->end = &c->first;
    c->idle = t;
    c->area.need_switch = false;
    t->home = c;
    t->cpu = c;
    return true;
}
