/*
 * Timers: any number of deadlines on the one that the platform has (pv/ops.def, timer_set). Times
 * are those of clock_ns.
 */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include "lib/types.h"

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

struct cpu;

/* The owner keeps it, zeroed at first, until it has fired or was stopped. */
struct timer {
    u64 deadline;
    void (*fire)(struct timer *timer);
    struct timer *next;
    struct cpu *queued; /* on whose list, or NULL */
};

/* Makes clock and timer work, and enables interrupts. Ends the run if they cannot work. */
void time_init(void);

/*
 * fire(timer) will be called once, on this CPU, at the deadline or soon after, never before; with
 * interrupts disabled, from the timer's interrupt or, if the deadline has passed already, in here.
 * Starting one that is queued moves it. fire may start timers, its own too.
 */
void timer_start(struct timer *timer, u64 deadline, void (*fire)(struct timer *timer));

/*
 * True if it was queued; then it will not fire. If it was not, it may be firing on another CPU
 * right now.
 */
bool timer_stop(struct timer *timer);

/* Returns at or soon after the deadline. Interrupts are enabled meanwhile, and left as they were.
 */
void sleep_until(u64 deadline);

/* Those of a CPU that has gone down fire here. */
void timers_take_over(struct cpu *cpu);

/* Fires what is due on this CPU, and arms the platform's timer for the rest. Interrupts disabled.
 */
void timer_fire_due(void);

#endif
