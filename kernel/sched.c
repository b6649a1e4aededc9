/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: one run queue for each CPU, round robin.
 *
 * Run queues. A CPU's queue holds its ready threads, but not the one that runs. sched_switch
 * appends the running thread, if it is still ready, and runs the first. The idle thread is never in
 * the queue; it runs when the queue is empty, and halts the CPU until the next interrupt.
 *
 * When a switch happens. A thread gives its CPU up when it blocks or yields; otherwise
 * area.need_switch asks for a switch, which happens at the end of the next interrupt
 * (sched_on_interrupts_done), or, if the thread holds a spinlock then, when it releases the last
 * one (sched_on_unlock). There is no periodic tick: the timer runs only while a thread waits in the
 * queue, and its expiry after SLICE_NS sets need_switch, again and again until a switch happens.
 *
 * Migration. A thread that is not bound may run anywhere. An idle CPU steals the first such thread
 * from another CPU's queue, and sched_wake or thread_start of a thread that has to wait for its
 * turn sends one idle CPU an IPI so that it looks. A bound thread is enqueued on its home CPU only;
 * so a thread that has just bound itself moves there by sleeping (thread_bind).
 *
 * Locking. A CPU's queue_lock protects its queue, and state and cpu of the threads that belong to
 * it. No other lock is taken while it is held. It is held across the switch: the thread that leaves
 * takes it, and the thread that arrives releases it (sched_arrive). So no CPU can take a thread out
 * of the queue while that thread's registers are not saved and its stack is still in use.
 *
 * Blocking and waking race. A thread blocks in two steps: it sets its state to THREAD_BLOCKED,
 * then calls sched_switch. A waker may come in between, on another CPU or in an interrupt. Then the
 * thread is still its CPU's current one, and sched_wake sets the state to THREAD_READY without
 * enqueueing it: sched_switch finds it ready and appends or keeps it. Both look under queue_lock,
 * so the waker sees either the thread running or its registers saved, and no wake-up is lost.
 */
#include "kernel/irq.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "kernel/user.h"
#include "mm/space.h"
#include "pv/patch/patch.h"

#define SLICE_NS           (10 * NS_PER_MS)
#define INTERRUPT_RETRY_NS NS_PER_MS

static void queue_append(struct cpu *c, struct thread *t)
{
    WRITE_ONCE(t->cpu, c);
    t->next = NULL;
    *c->end = t;
    c->end = &t->next;
}

/* Remove and return the first thread, or the first that is not bound to the CPU. */
static struct thread *queue_remove_first(struct cpu *c, bool movable)
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

static void slice_expired(struct timer *timer);

/* Threads are woken by callers that hold the lock of a wait queue. */
static void slice_start(struct cpu *c)
{
    timer_start_later(&c->slice, pv_clock_ns() + SLICE_NS, slice_expired);
}

/*
 * Ask for a switch, and start the slice again, because it may be that no one acts on need_switch: a
 * virtual CPU may lose its physical CPU while a thread starts a timer, and when it continues the
 * slice is over, too. Then the thread calls this function, and not an interrupt.
 */
static void slice_expired(struct timer *timer)
{
    struct cpu *c = container_of(timer, struct cpu, slice);

    if (!c->first)
        return;
    c->area.need_switch = true;
    slice_start(c);
}

/*
 * If a thread waits in this CPU's queue, see to it that its turn comes: at once if the CPU idles,
 * else when the running thread's slice ends. Interrupts disabled.
 */
static void schedule_next_turn(struct cpu *c)
{
    if (!READ_ONCE(c->first))
        return;
    if (c->thread == c->idle)
        c->area.need_switch = true;
    else if (!c->slice.queued)
        slice_start(c);
}

/* The sender has enqueued a thread here, wants an idle CPU to steal one, or has set leave_wanted.
 */
void sched_on_reschedule(void)
{
    struct cpu *c = this_cpu();

    schedule_next_turn(c);
    if (c->thread == c->idle || READ_ONCE(c->leave_wanted))
        c->area.need_switch = true;
}

/* Have one idle CPU look for a thread to steal. */
static void wake_idle_cpu(void)
{
    for_each_online_cpu (c) {
        if (c->thread == c->idle && !c->first) {
            pv_send_ipi(c->area.number, PV_IPI_RESCHEDULE);
            return;
        }
    }
}

/*
 * Enqueue t on its home CPU, or else on c, whose queue_lock the caller holds and this function
 * releases. If c is offline, take this CPU instead. A CPU that goes offline clears online first and
 * empties its queue after that, so to test online under the lock is enough. A home CPU stays
 * online, or comes back (smp_down_keeping_threads). Interrupts disabled.
 */
static void enqueue_and_unlock(struct cpu *c, struct thread *t)
{
    const bool movable = !t->home;
    struct cpu *to = t->home ? t->home : cpu_is_online(c) ? c : this_cpu();

    if (to != c) {
        spin_unlock(&c->queue_lock);
        spin_lock(&to->queue_lock);
    }
    queue_append(to, t);
    spin_unlock(&to->queue_lock);
    if (to == this_cpu())
        schedule_next_turn(to);
    else
        pv_send_ipi(to->area.number, PV_IPI_RESCHEDULE);
    if (movable && to->thread != to->idle)
        wake_idle_cpu();
}

void sched_enqueue(struct thread *t, struct cpu *c)
{
    const u64 flags = spin_lock_irqsave(&c->queue_lock);

    enqueue_and_unlock(c, t);
    pv_restore_fl(flags);
}

/* t->cpu may change until its queue is locked. */
static struct cpu *lock_queue_of(const struct thread *t)
{
    for (;;) {
        struct cpu *c = READ_ONCE(t->cpu);

        spin_lock(&c->queue_lock);
        if (c == READ_ONCE(t->cpu))
            return c;
        spin_unlock(&c->queue_lock);
    }
}

/* If t is still its CPU's current thread, on its way to sched_switch, do not enqueue it. */
void sched_wake(struct thread *t)
{
    const u64 flags = pv_irq_save();
    struct cpu *c = lock_queue_of(t);
    const bool was_blocked = t->state == THREAD_BLOCKED;

    if (was_blocked)
        WRITE_ONCE(t->state, THREAD_READY);
    if (was_blocked && c->thread != t)
        enqueue_and_unlock(c, t);
    else
        spin_unlock(&c->queue_lock);
    pv_restore_fl(flags);
}

static struct thread *dequeue_movable(struct cpu *c)
{
    struct thread *t;

    spin_lock(&c->queue_lock);
    t = queue_remove_first(c, true);
    spin_unlock(&c->queue_lock);
    return t;
}

/*
 * Move one thread from another CPU's queue to this CPU's. Leave those of CPUs that run their idle
 * thread, because they are about to run it themselves. Interrupts disabled.
 */
static bool steal_thread(struct cpu *me)
{
    for_each_online_cpu (c) {
        struct thread *t = NULL;

        if (READ_ONCE(c->first) && c->thread != c->idle)
            t = dequeue_movable(c);
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

    while ((t = dequeue_movable(this_cpu())))
        sched_enqueue(t, &cpus[0]);
}

/* The timer's interrupt has done what it was started for: it leads to sched_on_interrupts_done. */
static void interrupt_retried(struct timer *timer)
{
    (void)timer;
}

/*
 * This CPU runs a thread with interrupt_wanted. Have an interrupt find it at another instruction.
 * Interrupts disabled.
 */
static void interrupt_retry(struct cpu *c)
{
    if (!c->interrupt_retry.queued)
        timer_start(&c->interrupt_retry, pv_clock_ns() + INTERRUPT_RETRY_NS, interrupt_retried);
}

/*
 * The space is switched before the unlock: after it, another CPU may run the previous thread, which
 * may destroy its space, and this CPU's CR3 must not hold that space's root then.
 */
void sched_arrive(void)
{
    struct cpu *c = this_cpu();
    struct thread *t = c->thread;

    c->area.stack_limit = t->stack_limit;
    c->area.program_stack_limit = t->program_stack_limit;
    mm_space_switch(t->space);
    spin_unlock(&c->queue_lock);
    user_switch_in(t);
    if (c->first && t != c->idle)
        slice_start(c);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* c->thread is stored before the flag is read */
    if (READ_ONCE(t->interrupt_wanted))
        interrupt_retry(c);
}

void sched_interrupt(struct thread *t)
{
    const u64 flags = pv_irq_save();
    const struct cpu *c;

    __atomic_store_n(&t->interrupt_wanted, true, __ATOMIC_SEQ_CST);
    c = READ_ONCE(t->cpu);
    if (t != this_thread() && READ_ONCE(c->thread) == t)
        pv_send_ipi(c->area.number, PV_IPI_RESCHEDULE);
    pv_restore_fl(flags);
}

/* A CPU that is to go offline runs its idle thread, which takes it there (sched_idle_loop). */
static struct thread *choose_next(struct cpu *c, struct thread *prev)
{
    struct thread *next = NULL;

    if (READ_ONCE(c->leave_wanted) || !c->online)
        return c->idle;
    next = queue_remove_first(c, false);
    if (next)
        return next;
    return prev->state == THREAD_READY ? prev : c->idle;
}

/* stack_limit is 0 during the switch, because an NMI may arrive while %rsp is on either stack. */
static void switch_threads(struct cpu *c, struct thread *prev, struct thread *next)
{
    u32 lazy;

    user_switch_out(prev);
    prev->space = mm_space_current();
    lazy = pv_context_switch_start();
    next->switches++;
    WRITE_ONCE(c->thread, next);
    c->area.stack_limit = 0;
    thread_switch(&prev->sp, next->sp, &prev->fpu, &next->fpu);
    sched_arrive();
    pv_context_switch_end(lazy);
}

void sched_switch(void)
{
    struct cpu *c = this_cpu();
    struct thread *prev = c->thread, *next;

    if (c->area.spinlocks)
        panic("thread %s gives up CPU %u while it holds a spinlock", prev->name, c->area.number);
    spin_lock(&c->queue_lock);
    c->area.need_switch = false;
    next = choose_next(c, prev);
    if (next == prev) {
        spin_unlock(&c->queue_lock);
        return;
    }
    if (prev->state == THREAD_READY && prev != c->idle)
        queue_append(c, prev);
    switch_threads(c, prev, next);
}

/*
 * The interrupted thread may be inside a patched call site of an op, and the sites may be patched
 * again while it does not run: have it begin the site again.
 */
static void preempt(struct trap_frame *frame)
{
    pv_restart_site(frame);
    sched_switch();
}

/* After a switch the thread may be on another CPU. */
void sched_on_interrupts_done(struct trap_frame *frame)
{
    const bool may_switch = !this_cpu()->area.spinlocks;

    if (may_switch && this_cpu()->area.need_switch)
        preempt(frame);
    if (READ_ONCE(this_thread()->interrupt_wanted) &&
        !(may_switch && program_traps->interrupt(frame)))
        interrupt_retry(this_cpu());
}

/* Inside an interrupt handler do nothing: sched_on_interrupts_done will switch. */
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

/*
 * Interrupts stay disabled from the look at the queue to the halt, and pv_safe_halt enables them:
 * an interrupt that enqueues a thread in between ends the halt.
 */
void sched_idle_loop(void)
{
    struct cpu *c = this_cpu();

    for (;;) {
        pv_irq_disable();
        irq_report_state_if_wanted();
        if (READ_ONCE(c->leave_wanted))
            smp_leave();
        if (READ_ONCE(c->first) || steal_thread(c)) {
            sched_switch();
            pv_irq_enable();
        } else {
            c->area.need_switch = false;
            pv_safe_halt();
        }
    }
}

static void idle_thread_begin(struct thread *thread)
{
    (void)thread;
    sched_arrive();
    sched_idle_loop();
}

/*
 * A CPU that was online before keeps its idle thread, and in its queue the threads that are bound
 * to it (smp_down_keeping_threads). Those may wake while it is offline, so the queue is initialised
 * the first time only.
 */
bool sched_init_cpu(struct cpu *c)
{
    struct thread *t = c->idle ? c->idle : thread_new("idle", idle_thread_begin);

    if (!t)
        return false;
    if (!c->idle) {
        c->queue_lock.name = "run queue";
        c->timer_lock.name = "timers";
        c->end = &c->first;
    }
    c->idle = t;
    c->area.need_switch = false;
    t->home = c;
    t->cpu = c;
    return true;
}
