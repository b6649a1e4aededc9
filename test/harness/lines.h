/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines that a test raises itself, repeated rounds (struct stress), and small helpers for
 * timers and waiting.
 */
#ifndef TEST_HARNESS_LINES_H
#define TEST_HARNESS_LINES_H

#include "kernel/irq.h"
#include "kernel/time.h"
#include "test/harness/test.h"

struct test_line {
    u32 line;
    u32 hits;
    bool closed;    /* the test is in a section in which no interrupt may be delivered */
    u32 intrusions; /* interrupts that were delivered there */
    void (*during)(struct test_line *line); /* called by the handler if not NULL */
};

/*
 * Bind a line of PV_IRQ_SOFT, handle its interrupts and unmask it. Return false, with a failed
 * expectation, if that fails.
 */
bool test_line_open(struct test_line *line);
void test_line_close(struct test_line *line);

/*
 * Wait until the handler has run at least `wanted` times, up to a limit. Return whether it has run
 * exactly that often.
 */
bool test_line_hits(const struct test_line *line, u32 wanted);

/*
 * How often a stress test repeats its round: without soak= at most `normal` times and not longer
 * than half a second, because a round may be several exits to an emulator; with soak= until the
 * test's share of the time is over. Each thread that repeats rounds uses a structure of its own.
 */
struct stress {
    u32 normal; /* rounds without soak= */
    u32 done;   /* rounds that have been started */
    u64 end;    /* by pv_clock_ns(); 0 before the first round */
    bool late;
};

/* Return whether another round may start, and count it. */
bool stress_continues(struct stress *stress);

/*
 * Raise a line in every state of the interrupt flag and of its mask, and expect each interrupt to
 * be handled once (test/ops/events.c).
 */
void raise_stress(struct stress stress);

/*
 * Spin until cond holds, for 10 s of this CPU's progress at most (struct time_limit): a host that
 * stops the CPU does not use them up. Return whether cond holds.
 */
#define SPIN_UNTIL(cond) \
    ({ \
        struct time_limit limit_ = time_limit(10 * NS_PER_S); \
        bool held_; \
        while (!(held_ = (cond)) && !time_limit_reached(&limit_)) \
            __builtin_ia32_pause(); \
        held_; \
    })

/* As SPIN_UNTIL, but sleep between two looks at cond. The limit is 20 s. */
#define SLEEP_UNTIL(cond) \
    ({ \
        struct time_limit limit_ = time_limit(20 * NS_PER_S); \
        bool held_; \
        while (!(held_ = (cond)) && !time_limit_reached(&limit_)) \
            sleep_until(pv_clock_ns() + NS_PER_MS); \
        held_; \
    })

/* Rearm the kernel's timers after a test that has used the platform's timer directly. */
void kernel_timers_rearm(void);

/* Spin for ns, with the interrupt flag unchanged. */
void spin(u64 ns);

/*
 * Sleep until this CPU has had more than `before` timer interrupts, up to a limit; return whether
 * it has. A sleep may end without an interrupt: if the host stops the CPU, the deadline passes
 * before the timer is set. So each sleep is longer than the one before.
 */
bool sleep_until_timer_interrupt(u64 before);

/* An interval of the clock, and the ticks of the TSC in it. */
struct clock_interval {
    u64 ns, ticks;
};

/*
 * Measure an interval that the thread spends in pass(ns). The host may stop the CPU between a
 * reading of the clock and one of the TSC, so the TSC is read before and after the clock, and the
 * interval becomes longer until its ticks are known to 1 %. Return false if that does not succeed.
 */
bool clock_interval_measure(void (*pass)(u64 ns), struct clock_interval *found);

/* For clock_interval_measure: sleep for ns. */
void sleep_ns(u64 ns);

#endif
