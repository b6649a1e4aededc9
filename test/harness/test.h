/*
 * The conformance suite's vocabulary.
 *
 * TEST(group, name, op, …) { … } defines and registers one test and cites the ops that it covers;
 * with no op, it covers none. A test that comes to its end has passed unless an EXPECT failed; SKIP
 * ends it as not applicable here, with the reason in words. SOAK_TEST is one that repeats what it
 * does: with soak=S the tests of that kind that run share the S seconds (test/harness/lines.h,
 * struct stress).
 *
 * Every op of pv/ops.def must be cited somewhere: pv/ops.def makes test/harness/coverage.c refer to
 * one symbol an op, and citing an op defines it, so an op without a test does not link.
 */
#ifndef TEST_TEST_H
#define TEST_TEST_H

#include "kernel/console.h"
#include "kernel/kernel.h"
#include "lib/types.h"
#include "pv/pv.h"
#include "test/harness/text.h"

struct test {
    const char *name; /* group.name */
    const char *ops;  /* names, each followed by a blank */
    void (*run)(void);
    bool soaks;
};

/* The time that soak= leaves for each SOAK_TEST, in ns; 0: none was asked for. */
extern u64 soak_share_ns;

#define CITE_SYMBOL(op) __asm__(".weak no_test_covers_" #op "\n\t.set no_test_covers_" #op ", 0");
#define CITE_NAME(op)   #op " "

/* Applies m to each of up to eight arguments. */
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
#define FOR_EACH_N(...)                                           FOR_EACH_PICK(0, ##__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define FOR_EACH(m, ...)                                          FOR_EACH_N(__VA_ARGS__)(m, ##__VA_ARGS__)

#define TEST(group, ident, ...)      TEST_OF_KIND(group, ident, false, ##__VA_ARGS__)
#define SOAK_TEST(group, ident, ...) TEST_OF_KIND(group, ident, true, ##__VA_ARGS__)

#define TEST_OF_KIND(group, ident, soaks, ...) \
    FOR_EACH(CITE_SYMBOL, ##__VA_ARGS__) \
    static void test_##group##_##ident(void); \
    static const struct test entry_##group##_##ident __used __section(".tests." #group) \
        __aligned(8) = {#group "." #ident, "" FOR_EACH(CITE_NAME, ##__VA_ARGS__), \
                        test_##group##_##ident, soaks}; \
    static void test_##group##_##ident(void)

/* Each returns whether it held; a failure is printed and counted. */
bool test_expect(bool held, const char *file, int line, const char *fmt, ...) __printf(4, 5);
void test_skip(const char *fmt, ...) __printf(1, 2);

#define EXPECT(cond) test_expect((cond), __FILE__, __LINE__, "%s", #cond)
#define EXPECT_EQ(a, b) \
    ({ \
        const u64 a_ = (u64)(a), b_ = (u64)(b); \
        test_expect(a_ == b_, __FILE__, __LINE__, "%s == %s (%llx against %llx)", #a, #b, \
                    (unsigned long long)a_, (unsigned long long)b_); \
    })

/* Ends the test at once if it does not hold. */
#define REQUIRE(cond) \
    do { \
        if (!EXPECT(cond)) \
            return; \
    } while (0)

/* Not applicable here, and why: ends the test. */
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
 * INTERRUPTS_OFF { … } runs the block with interrupts disabled, as the context of many ops demands
 * (pv/ops.def). Afterwards, also after a return from the block, they are as they were. A PV_TRY
 * stands inside of the block, not around it.
 */
#define INTERRUPTS_OFF \
    for (u64 off_flags_ __attribute__((cleanup(test_restore_fl), unused)) = pv_irq_save(), \
                                                                 off_once_ = 1; \
         off_once_; off_once_ = 0)

#endif
