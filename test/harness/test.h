/* SPDX-License-Identifier: MIT */
/*
 * How to write a test. A test is a function that calls ops and compares what happens with the
 * contract in pv/ops.def:
 *
 *     TEST(time, past_deadline_is_refused, timer_set)
 *     {
 *         INTERRUPTS_OFF
 *         EXPECT_EQ(pv_timer_set(pv_clock_ns()), -ETIME);
 *     }
 *
 * The first argument is the group, which becomes the first half of the name. The second one is a
 * claim in plain words: a report of a failure shows only the name, so a reader must learn from it
 * what is broken. The other arguments, up to eight, cite the ops that the test covers. Cite an op
 * only if the test would fail without it. pv/ops.def makes test/harness/coverage.c refer to one
 * symbol for each op, and citing an op defines that symbol: an op that no test cites does not link.
 * ./run.sh mutants replaces ops by wrong ones and runs the tests that cite them first.
 *
 * EXPECT and EXPECT_EQ print a failure and continue; REQUIRE ends the test. A test that returns
 * without a failure has passed. It leaves the machine as it found it: interrupts enabled, memory
 * freed, lines unbound, hooks cleared. It must not depend on the speed of the machine, on other
 * tests, or on their order, and it bounds each wait (time_limit in kernel/time.h).
 *
 * SKIP ends a test that does not apply to this platform. Its text is the reason in the terms of the
 * platform ("no local APIC"); the runner lists it. Do not skip where an op returns an error that
 * its contract does not list: that is a failure.
 *
 * SOAK_TEST is for a test that repeats a round as often as there is time (struct stress in
 * test/harness/lines.h). Without soak= it ends after half a second at most. With soak=S all
 * SOAK_TESTs that run share S seconds.
 *
 * Helpers: lines.h (interrupt lines, timers), cpus.h (several CPUs), step.h (act at each
 * instruction of an op), sandbox.h (ring 3), mm_util.h (page tables, caught panics).
 */
#ifndef TEST_HARNESS_TEST_H
#define TEST_HARNESS_TEST_H

#include "kernel/console.h"
#include "kernel/kernel.h"
#include "lib/types.h"
#include "pv/pv.h"
#include "test/harness/text.h"

struct test {
    const char *name; /* group.name */
    const char *ops;  /* the names of the cited ops, each followed by a blank */
    void (*run)(void);
    bool soaks;
};

/* The time that each SOAK_TEST may take, in ns; 0 without soak=. */
extern u64 soak_share_ns;

#define CITE_SYMBOL(op) __asm__(".weak no_test_covers_" #op "\n\t.set no_test_covers_" #op ", 0");
#define CITE_NAME(op)   #op " "

/* Expand m(argument) for each of up to eight arguments. */
#define FOR_EACH_1(m, a)      m(a)
#define FOR_EACH_2(m, a, ...) m(a) FOR_EACH_1(m, __VA_ARGS__)
#define FOR_EACH_3(m, a, ...) m(a) FOR_EACH_2(m, __VA_ARGS__)
#define FOR_EACH_4(m, a, ...) m(a) FOR_EACH_3(m, __VA_ARGS__)
#define FOR_EACH_5(m, a, ...) m(a) FOR_EACH_4(m, __VA_ARGS__)
#define FOR_EACH_6(m, a, ...) m(a) FOR_EACH_5(m, __VA_ARGS__)
#define FOR_EACH_7(m, a, ...) m(a) FOR_EACH_6(m, __VA_ARGS__)
#define FOR_EACH_8(m, a, ...) m(a) FOR_EACH_7(m, __VA_ARGS__)
#define FOR_EACH_0(m)
#define FOR_EACH_PICK(e0, e1, e2, e3, e4, e5, e6, e7, e8, n, ...) FOR_EACH_##n

#define FOR_EACH_N(...) FOR_EACH_PICK(0, ##__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)

#define FOR_EACH(m, ...) FOR_EACH_N(__VA_ARGS__)(m, ##__VA_ARGS__)

#define TEST(group, ident, ...)      TEST_OF_KIND(group, ident, false, ##__VA_ARGS__)
#define SOAK_TEST(group, ident, ...) TEST_OF_KIND(group, ident, true, ##__VA_ARGS__)

#define TEST_OF_KIND(group, ident, soaks, ...) \
    FOR_EACH(CITE_SYMBOL, ##__VA_ARGS__) \
    static void test_##group##_##ident(void); \
    static const struct test entry_##group##_##ident __used __section(".tests." #group) \
        __aligned(8) = {#group "." #ident, "" FOR_EACH(CITE_NAME, ##__VA_ARGS__), \
                        test_##group##_##ident, soaks}; \
    static void test_##group##_##ident(void)

/* Return held; if it is false, count a failure of the running test and print it. */
bool test_expect(bool held, const char *file, int line, const char *fmt, ...) __printf(4, 5);
void test_skip(const char *fmt, ...) __printf(1, 2);

#define EXPECT(cond) test_expect((cond), __FILE__, __LINE__, "%s", #cond)
#define EXPECT_EQ(a, b) \
    ({ \
        const u64 a_ = (u64)(a), b_ = (u64)(b); \
        test_expect(a_ == b_, __FILE__, __LINE__, "%s == %s (%llx against %llx)", #a, #b, \
                    (unsigned long long)a_, (unsigned long long)b_); \
    })

/* Like EXPECT, but end the test if cond is false. */
#define REQUIRE(cond) \
    do { \
        if (!EXPECT(cond)) \
            return; \
    } while (0)

/* For the monitor: run the tests that match. Return false if none matches. */
bool suite_run_some(const char *globs);

/*
 * Return whether the backend leaves interrupts, CPUs and page tables to the hardware, as native
 * does; whether it is xen-pv, or one of Xen's. Ask only where the contract allows a difference
 * ("Differs:" in pv/ops/).
 */
bool on_bare_metal(void);
bool on_kvm(void);
bool on_hyperv(void);
bool on_xen_pv(void);
bool on_xen(void);
/* Return whether this is a guest of Xen without privileges, by the banner. */
bool on_domu(void);

/* End the test as not applicable to this platform. The arguments are a format and the reason. */
#define SKIP(...) \
    do { \
        test_skip(__VA_ARGS__); \
        return; \
    } while (0)

static inline void test_restore_fl(const u64 *flags)
{
    pv_restore_fl(*flags);
}

/*
 * INTERRUPTS_OFF { … } runs the block with interrupts disabled, which is the context that many ops
 * require (pv/ops.def), and restores the interrupt flag afterwards, also after a return from the
 * block. Put a PV_TRY inside the block, not around it.
 */
#define INTERRUPTS_OFF \
    for (u64 off_flags_ __attribute__((cleanup(test_restore_fl), unused)) = pv_irq_save(), \
                                                                 off_once_ = 1; \
         off_once_; off_once_ = 0)

#endif
