/* A line that a test raises itself, and what is known about its interrupts. */
#ifndef TEST_LINES_H
#define TEST_LINES_H

#include "kernel/irq.h"
#include "kernel/time.h"
#include "test/harness/test.h"

struct test_line {
    u32 line;
    u32 hits;
    bool closed; /* the test is in a part in which no interrupt may come */
    u32 intrusions;
    void (*during)(struct test_line *line); /* called by the handler, if set */
};

/* Binds a line of PV_IRQ_SOFT and takes its interrupts. False, and a failed test, if that fails. */
bool test_line_open(struct test_line *line);
void test_line_close(struct test_line *line);

/* Waits until hits are at least wanted, at most a second; then, whether they are exactly that. */
bool test_line_hits(const struct test_line *line, u32 wanted);

/*
 * How often a stress test repeats its round. Without soak= at most normal times and not longer than
 * two seconds, since there are platforms where each round is some traps in an emulator; with it as
 * long as the test's share of the time lasts, however few rounds that is on a busy host. done
 * counts the rounds. One thread asks.
 */
struct stress {
    u32 normal;
    u32 done;
    u64 end;
    bool late;
};

/* May the next round begin? */
bool stress_continues(struct stress *stress);

/* test/ops/events.c: raises a line in every state of the flag and of its mask; each interrupt is
 * taken once.
 */
void raise_stress(struct stress stress);

/* The kernel's timers go on after a test that has used the platform's behind the kernel's back. */
void timers_go_on(void);

/* Lets ns pass, with interrupts as they are. */
void spin(u64 ns);

#endif
