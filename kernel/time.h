/* SPDX-License-Identifier: MIT */
/*
 * Timers, sleeping, and limits for waits. Times are in nanoseconds, deadlines on the clock of the
 * op clock_ns.
 */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include "lib/types.h"

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

struct cpu;

/* Zeroed by its owner at first; the owner keeps it until it has fired or was stopped. */
struct timer {
    u64 deadline;
    void (*fire)(struct timer *timer);
    struct timer *next;
    struct cpu *queued; /* the CPU whose list it is on, or NULL */
};

/* Set up the clock and the timer, and enable interrupts. End the run if one of them fails. */
void time_init(void);

/*
 * Have fire(timer) called once, on this CPU, at the deadline or soon after, never before. It is
 * called with interrupts disabled: by the timer's interrupt or, if the deadline has passed already,
 * by timer_start itself. A timer that is started already is moved. fire may start timers, the same
 * one too.
 */
void timer_start(struct timer *timer, u64 deadline, void (*fire)(struct timer *timer));

/*
 * As timer_start, but call no timer's function: if the deadline has passed, an interrupt follows at
 * once. For a caller that holds a spinlock, which the function of any timer may take.
 */
void timer_start_later(struct timer *timer, u64 deadline, void (*fire)(struct timer *timer));

/*
 * Return true if the timer was started and had not fired; then it will not fire. If false, it may
 * be firing on another CPU at this moment.
 */
bool timer_stop(struct timer *timer);

/*
 * Block the calling thread until the deadline. Interrupts are enabled in the meantime, and are as
 * before on return.
 */
void sleep_until(u64 deadline);

/*
 * A limit for waiting until another CPU has done something. Clock time alone does not measure that
 * CPU's progress: on a busy host it passes while neither CPU runs, and a hypervisor may let it
 * jump. So the waiter polls time_limit_reached; each call uses up the time since the one before,
 * but at most LOOK_MAX_NS.
 */
#define LOOK_MAX_NS (2 * NS_PER_MS)
struct time_limit {
    u64 left, last;
};
struct time_limit time_limit(u64 ns);
bool time_limit_reached(struct time_limit *limit);

/* Move the timers of an offline CPU to this CPU. */
void timers_take_over(struct cpu *cpu);

/* Call what is due on this CPU, and arm the hardware for the next deadline. Interrupts disabled. */
void timer_fire_due(void);

#endif
