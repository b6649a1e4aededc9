/* SPDX-License-Identifier: MIT */
/*
 * The payload "suite": run every test that matches test=GLOB[,GLOB...] and report in KTAP
 * (docs.kernel.org/dev-tools/ktap.html). The verdict is PASS if at least one test passed and none
 * failed, SKIP if all were skipped. How to write a test: test/harness/test.h.
 */
#include "kernel/app.h"
#include "kernel/panic.h"
#include "kernel/registry.h"
#include "kernel/time.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/pv.h"
#include "test/harness/test.h"

extern const struct test _tests_start[], _tests_end[];

u64 soak_share_ns;
static u32 failures; /* of the running test */
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
    print("# %s:%d: failed: %s\n", file, line, what);
    return false;
}

void test_skip(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    kvsnprintf(skip_reason, sizeof(skip_reason), fmt, ap);
    va_end(ap);
}

bool on_bare_metal(void)
{
    static const char *const names[] = {"native", "vmware", "rom", "kvm", "hyperv"};

    for (u32 i = 0; i < ARRAY_SIZE(names); i++)
        if (!strcmp(names[i], pv_backend_name()))
            return true;
    return false;
}

bool on_kvm(void)
{
    return !strcmp(pv_backend_name(), "kvm");
}

bool on_hyperv(void)
{
    return !strcmp(pv_backend_name(), "hyperv");
}

bool on_xen_pv(void)
{
    return !strcmp(pv_backend_name(), "xen-pv");
}

bool on_xen(void)
{
    return glob_match("xen*", pv_backend_name());
}

bool on_domu(void)
{
    char banner[64];

    pv_banner(banner, sizeof(banner));
    return on_xen() && glob_match("*domU", banner);
}

static struct {
    u32 planned, run, passed, failed, skipped;
} count;

static void run_test(const char *name, void (*run)(void))
{
    failures = 0;
    skip_reason[0] = '\0';
    count.run++;
    app_attach_libc(); /* because an earlier test may have changed %fs */
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

static void print_summary_and_finish(void)
{
    print("# passed %u, failed %u, skipped %u\n", count.passed, count.failed, count.skipped);
    if (count.failed)
        finish(VERDICT_FAIL, "%u of %u tests failed", count.failed, count.run);
    if (!count.passed)
        finish(VERDICT_SKIP, "no test applies to this platform");
    finish(VERDICT_PASS, "%s", "");
}

/* Return whether the test cites the op that mutate= replaces. */
static bool covers_mutant(const struct test *t)
{
    const char *colon = strchr(cmdline.mutate, ':');
    const size_t len = colon ? (size_t)(colon - cmdline.mutate) : 0;

    for (const char *op = t->ops; len && *op; op = strchr(op, ' ') + 1)
        if (strchr(op, ' ') == op + len && !memcmp(op, cmdline.mutate, len))
            return true;
    return false;
}

/*
 * Run the tests that cite the mutant's op (covering), or all others. The first kind runs first,
 * because one of them usually detects the mutant.
 */
static void run_tests(bool covering)
{
    for (const struct test *t = _tests_start; t < _tests_end; t++)
        if (glob_list_match(cmdline.test, t->name) && covers_mutant(t) == covering) {
            log_debug("%s covers: %s", t->name, t->ops);
            run_test(t->name, t->run);
        }
}

bool suite_run_some(const char *globs)
{
    const u32 before = count.run, failed = count.failed;

    for (const struct test *t = _tests_start; t < _tests_end; t++)
        if (glob_list_match(globs, t->name))
            run_test(t->name, t->run);
    print("# %u tests, %u failed\n", count.run - before, count.failed - failed);
    return count.run > before;
}

#define SOAK_MAX_S (7 * 24 * 3600ull)

/* Divide the seconds of soak= among the selected SOAK_TESTs, of which there are `soaking`. */
static void share_soak(u32 soaking)
{
    u64 seconds;

    if (!cmdline.soak[0])
        return;
    if (!parse_u64(cmdline.soak, &seconds) || !seconds || seconds > SOAK_MAX_S)
        finish(VERDICT_ERROR, "soak=%s: not a number of seconds, 1 to %u", cmdline.soak,
               (u32)SOAK_MAX_S);
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
        run_test(fault->named.name, fault->run);
    print_summary_and_finish();
}

PAYLOAD(suite, suite_run);
