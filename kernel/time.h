/*
 * Timers: any number of deadlines on the one that the platform has (pv/ops/time.def, timer_set).
 * Times are those of clock_ns.
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

/*
 * A limit for a wait that another CPU ends. The clock alone is not a measure of that CPU's
 * progress: on a busy host it runs on while neither CPU runs, and a hypervisor may let it jump. So
 * the limit is used up by looks: each takes the time since the look before it, and at most
 * LOOK_MAX_NS.
 */
#define LOOK_MAX_NS (2 * NS_PER_MS)
struct time_limit {
    u64 left, last;
};
struct time_limit time_limit(u64 ns);
bool time_limit_reached(struct time_limit *limit);

/* Those of a CPU that has gone down fire here. */
void timers_take_over(struct cpu *cpu);

/* Fires what is due on this CPU, and arms the platform's timer for the rest. Interrupts disabled.
 */
void timer_fire_due(void);

#endif
