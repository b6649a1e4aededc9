/*
 * Whose turn it is, on each CPU: the ready threads stand in a queue, run for a slice each and go to
 * its end. A CPU without any takes one from another's queue, or halts. There is no tick: the timer
 * runs only while somebody waits for his turn.
 *
 * queue_lock protects a CPU's queue and the state and cpu of the threads that belong to it. It is
 * held across a switch, taken by the thread that goes and left by the one that comes, so that
 * nobody runs a thread whose stack is still in use. No other lock is taken under it, except for
 * another CPU's when a thread is moved, and that only if it is free.
 */
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/user.h"
#include "mm/space.h"
#include "pv/patch.h"

#define SLICE_NS (10 * NS_PER_MS)

static void append(struct cpu *c, struct thread *t)
{
    t->cpu = c->area.number;
    t->next = NULL;
    if (c->first)
        c->last->next = t;
    else
        c->first = t;
    c->last = t;
    c->ready++;
}

/* Takes out the first thread, or the first that may run elsewhere. */
static struct thread *take(struct cpu *c, bool movable)
{
    struct thread *before = NULL, *t = c->first;

    while (t && movable && t->bound) {
        before = t;
        t = t->next;
    }
    if (!t)
        return NULL;
    if (before)
        before->next = t->next;
    else
        c->first = t->next;
    if (c->last == t)
        c->last = before;
    c->ready--;
    return t;
}

static void end_slice(struct timer *timer)
{
    (void)timer;
    this_cpu()->area.need_switch = this_cpu()->ready != 0;
}

/* Somebody waits for his turn here. Interrupts disabled. */
static void look_at_queue(void)
{
    struct cpu *c = this_cpu();

    if (!READ_ONCE(c->ready))
        return;
    if (c->thread->idle)
        c->area.need_switch = true;
    else if (!c->slice.queued)
        timer_start(&c->slice, pv_clock_ns() + SLICE_NS, end_slice);
}

void sched_on_reschedule(void)
{
    look_at_queue();
    if (this_cpu()->thread->idle || READ_ONCE(this_cpu()->down_asked))
        this_cpu()->area.need_switch =
            true; /* it may have been called to take a thread, or to leave */
}

/* One CPU that has nothing to do: it will take what is movable. */
static void call_idle_cpu(void)
{
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (smp_is_online(cpu) && cpus[cpu].thread == cpus[cpu].idle && !cpus[cpu].ready) {
            pv_send_ipi(cpu, PV_IPI_RESCHEDULE);
            return;
        }
}

/* After something was appended to c's queue. Interrupts disabled, no lock held. */
static void tell(struct cpu *c, bool movable)
{
    if (c == this_cpu())
        look_at_queue();
    else
        pv_send_ipi(c->area.number, PV_IPI_RESCHEDULE);
    if (movable && c->thread != c->idle)
        call_idle_cpu();
}

/*
 * A CPU that has gone down takes no thread: then it is this one's. One that goes down empties its
 * queue after it went offline, so looking under the lock is what counts.
 */
void sched_enqueue_new(struct thread *t, u32 cpu)
{
    const u64 flags = pv_save_fl();
    struct cpu *c = &cpus[cpu];

    pv_irq_disable();
    spin_lock(&c->queue_lock);
    if (!smp_is_online(cpu)) {
        spin_unlock(&c->queue_lock);
        c = this_cpu();
        spin_lock(&c->queue_lock);
    }
    append(c, t);
    spin_unlock(&c->queue_lock);
    tell(c, !t->bound);
    pv_restore_fl(flags);
}

static struct cpu *lock_cpu_of(const struct thread *t)
{
    for (;;) {
        struct cpu *c = &cpus[READ_ONCE(t->cpu)];

        spin_lock(&c->queue_lock);
        if (c->area.number == READ_ONCE(t->cpu))
            return c;
        spin_unlock(&c->queue_lock);
    }
}

/* One that still runs, on its way to sched_switch, finds itself ready there. */
void sched_wake(struct thread *t)
{
    const u64 flags = pv_save_fl();
    bool off, was_blocked, here;
    struct cpu *c;

    pv_irq_disable();
    c = lock_cpu_of(t);
    was_blocked = t->state == THREAD_BLOCKED;
    if (was_blocked)
        WRITE_ONCE(t->state, THREAD_READY);
    off = was_blocked && c->thread != t;
    here = off && smp_is_online(c->area.number);
    if (here)
        append(c, t);
    spin_unlock(&c->queue_lock);
    if (here)
        tell(c, !t->bound);
    else if (off)
        sched_enqueue_new(t, this_cpu()->area.number);
    pv_restore_fl(flags);
}

/*
 * Interrupts disabled. A CPU that idles will run what it was given itself. What another CPU's lock
 * hides now is looked for again at the next chance.
 */
static bool take_from_others(void)
{
    struct cpu *me = this_cpu();
    struct thread *t = NULL;

    for (u32 i = 1; i < PV_CPUS_MAX && !t && me->online; i++) {
        struct cpu *c = &cpus[(me->area.number + i) % PV_CPUS_MAX];

        if (!READ_ONCE(c->ready) || c->thread == c->idle || !spin_trylock(&c->queue_lock))
            continue;
        t = take(c, true);
        if (t)
            WRITE_ONCE(t->cpu, me->area.number);
        spin_unlock(&c->queue_lock);
    }
    if (!t)
        return false;
    spin_lock(&me->queue_lock);
    append(me, t);
    spin_unlock(&me->queue_lock);
    return true;
}

void sched_leave_cpu(void)
{
    struct cpu *c = this_cpu();
    struct thread *t;

    for (;;) {
        spin_lock(&c->queue_lock);
        t = take(c, true);
        spin_unlock(&c->queue_lock);
        if (!t)
            return;
        sched_enqueue_new(t, 0);
    }
}

/* The first act of a thread that comes onto a CPU, on its own stack. */
static void arrive(void)
{
    struct cpu *c = this_cpu();
    struct thread *t = c->thread;

    struct thread *leaving = c->leaving;

    c->area.stack_limit = t->stack_limit;
    c->leaving = NULL;
    spin_unlock(&c->queue_lock);
    if (leaving) {
        const u32 to = leaving->move_to - 1;

        leaving->move_to = 0;
        sched_enqueue_new(leaving, to);
    }
    mm_space_switch(t->space);
    if (t->fs_base)
        pv_write_fs_base(t->fs_base);
    if (t->user)
        user_switch_in(t->user);
    if (c->ready && !t->idle)
        timer_start(&c->slice, pv_clock_ns() + SLICE_NS, end_slice);
}

void sched_arrive_first(void)
{
    arrive();
    pv_irq_enable();
}

static struct thread *choose(struct cpu *c, struct thread *prev)
{
    struct thread *next = READ_ONCE(c->down_asked) || !c->online ? c->idle : take(c, false);

    if (next)
        return next;
    return prev->state == THREAD_READY && !prev->move_to ? prev : c->idle;
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
    if (prev->move_to)
        c->leaving = prev;
    else if (prev->state == THREAD_READY && !prev->idle)
        append(c, prev);
    if (prev->user)
        user_switch_out(prev->user);
    prev->space = mm_space_current();
    lazy = pv_context_switch_start();
    next->switches++;
    c->switches++;
    WRITE_ONCE(c->thread, next);
    c->area.stack_limit = 0;
    thread_switch(&prev->sp, next->sp, prev->fpu, next->fpu);
    arrive();
    pv_context_switch_end(lazy);
}

/* While a thread is not running its call sites may become others. */
void sched_on_interrupts_done(struct trap_frame *frame)
{
    if (!this_cpu()->area.need_switch || this_cpu()->area.spinlocks)
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
    const u64 flags = pv_save_fl();

    pv_irq_disable();
    sched_switch();
    pv_restore_fl(flags);
}

/* The calling thread, which goes on there. */
void sched_move_to(u32 cpu)
{
    const u64 flags = pv_save_fl();

    pv_irq_disable();
    if (pv_this_cpu() != cpu) {
        this_thread()->move_to = cpu + 1;
        sched_switch();
    }
    pv_restore_fl(flags);
}

void sched_idle_loop(void)
{
    for (;;) {
        pv_irq_disable();
        smp_leave_if_asked();
        if (READ_ONCE(this_cpu()->ready) || take_from_others()) {
            sched_switch();
            pv_irq_enable();
        } else {
            this_cpu()->area.need_switch = false;
            pv_safe_halt();
        }
    }
}

void sched_init_cpu(struct cpu *c, struct thread *idle)
{
    c->queue_lock = (struct spinlock)SPINLOCK("run queue");
    c->timer_lock = (struct spinlock)SPINLOCK("timers");
    c->first = c->last = NULL;
    c->ready = 0;
    c->idle = idle;
    c->area.need_switch = false;
    idle->idle = true;
    idle->bound = true;
    idle->cpu = c->area.number;
}
