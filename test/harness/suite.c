/*
 * The payload "suite": runs every test that matches test=GLOB[,GLOB...] and reports in KTAP
 * (docs.kernel.org/dev-tools/ktap.html). The verdict is PASS if one passed and none failed.
 */
#include "kernel/app.h"
#include "kernel/registry.h"
#include "kernel/time.h"
#include "kernel/panic.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/pv.h"
#include "test/harness/test.h"

extern const struct test _tests_start[], _tests_end[];

u64 soak_share_ns;
static u32 failures; /* of the test that runs */
static char skip_reason[128];

bool test_expect(bool held, const char *file, int line, const char *fmt, ...)
{
    char what[PRINT_MAX / 2];
    va_list ap;

    if (held)
        return true;
    failures++;
    va_start(ap, fmt);
    kvsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    print("# %s:%d: does not hold: %s\n", file, line, what);
    return false;
}

void test_skip(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    kvsnprintf(skip_reason, sizeof(skip_reason), fmt, ap);
    va_end(ap);
}

static struct {
    u32 planned, run, passed, failed, skipped;
} count;

static void run_one(const char *name, void (*run)(void))
{
    failures = 0;
    skip_reason[0] = '\0';
    count.run++;
    app_attach_libc(); /* an earlier test may have used %fs */
    run();
    test_expect(pv_save_fl() & PV_FLAG_IF, __FILE__, __LINE__, "interrupts are enabled at the end");
    pv_irq_enable();
    if (failures) {
        count.failed++;
        print("not ok %u %s\n", count.run, name);
    } else if (skip_reason[0]) {
        count.skipped++;
        print("ok %u %s # SKIP %s\n", count.run, name, skip_reason);
    } else {
        count.passed++;
        print("ok %u %s\n", count.run, name);
    }
}

static void conclude(void)
{
    print("# passed %u, failed %u, skipped %u\n", count.passed, count.failed, count.skipped);
    if (count.failed)
        finish(VERDICT_FAIL, "%u of %u tests failed", count.failed, count.run);
    if (!count.passed)
        finish(VERDICT_SKIP, "no test was applicable");
    finish(VERDICT_PASS, "%s", "");
}

/* Does the test cite the op that mutate= replaces? */
static bool covers_mutant(const struct test *t)
{
    const char *colon = strchr(cmdline.mutate, ':');
    const size_t len = colon ? (size_t)(colon - cmdline.mutate) : 0;

    for (const char *op = t->ops; len && *op; op = strchr(op, ' ') + 1)
        if (strchr(op, ' ') == op + len && !memcmp(op, cmdline.mutate, len))
            return true;
    return false;
}

/* A mutant is first shown the tests that cover its op: most end it. */
static void run_tests(bool covering)
{
    for (const struct test *t = _tests_start; t < _tests_end; t++)
        if (glob_list_match(cmdline.test, t->name) && covers_mutant(t) == covering) {
            log_debug("%s covers: %s", t->name, t->ops);
            run_one(t->name, t->run);
        }
}

#define SOAK_MAX_S (7 * 24 * 3600ull)

/* soaking: how many of the tests that are to run can use the time. */
static void share_soak(u32 soaking)
{
    u64 seconds;

    if (!cmdline.soak[0])
        return;
    if (!parse_u64(cmdline.soak, &seconds) || !seconds || seconds > SOAK_MAX_S)
        finish(VERDICT_ERROR, "soak=%s: wants seconds, 1 to %u", cmdline.soak, (u32)SOAK_MAX_S);
    if (!soaking)
        finish(VERDICT_ERROR, "soak=%s: no test of test=%s repeats what it does", cmdline.soak,
               cmdline.test);
    soak_share_ns = seconds * NS_PER_S / soaking;
    print("# soak: %u tests share %llu s\n", soaking, (unsigned long long)seconds);
}

static void suite_run(void)
{
    const struct injected_fault *fault = inject_wanted(INJECT_TEST);
    u32 soaking = 0;

    for (const struct test *t = _tests_start; t < _tests_end; t++)
        if (glob_list_match(cmdline.test, t->name)) {
            count.planned++;
            soaking += t->soaks;
        }
    count.planned += fault != NULL;
    if (!count.planned)
        finish(VERDICT_ERROR, "test=%s matches none of the %u tests", cmdline.test,
               (u32)(_tests_end - _tests_start));

    print("KTAP version 1\n1..%u\n", count.planned);
    share_soak(soaking);
    run_tests(true);
    run_tests(false);
    if (fault)
        run_one(fault->named.name, fault->run);
    conclude();
}

PAYLOAD(suite, suite_run);
