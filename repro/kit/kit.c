/* SPDX-License-Identifier: MIT */
/* The frame of a run: which repro, its verdict, and the three lines by which the host knows it. */
#include "repro/kit.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/registry.h"
#include "lib/format.h"
#include "repro/kit/repro.h"

extern const struct repro _repros_start[], _repros_end[];

static const struct repro *running;
static bool was_exercised;

void exercised(void)
{
    if (!was_exercised)
        print("paravane: repro %s exercised\n", running->named.name);
    was_exercised = true;
}

void dying_is_bad(const char *why)
{
    print("paravane: repro %s dying-is-%s: %s\n", running->named.name, why ? "bad" : "unclear",
          why ? why : "");
}

/* The last lines of a run. KTAP's one test is the repro itself. */
static void __noreturn __printf(2, 0) conclude(enum verdict verdict, const char *fmt, va_list ap)
{
    static const char *const names[] = {
        [VERDICT_PASS] = "good", [VERDICT_FAIL] = "bad", [VERDICT_SKIP] = "cannot-tell"};
    char reason[PRINT_MAX / 2];

    kvsnprintf(reason, sizeof(reason), fmt, ap);
    if (verdict == VERDICT_PASS && !was_exercised) {
        const size_t length = strlen(reason);

        verdict = VERDICT_SKIP;
        ksnprintf(reason + length, sizeof(reason) - length,
                  " - but the path in question was not reached");
    }
    print("%sok 1 %s%s%s\n", verdict == VERDICT_FAIL ? "not " : "", running->named.name,
          verdict == VERDICT_SKIP ? " # SKIP " : "", verdict == VERDICT_SKIP ? reason : "");
    print("paravane: repro %s %s: %s%s\n", running->named.name, names[verdict], reason,
          was_exercised ? " (exercised)" : "");
    finish(verdict, "%s", reason);
}

#define VERDICT_FUNCTION(name, verdict) \
    void name(const char *fmt, ...) \
    { \
        va_list ap; \
\
        va_start(ap, fmt); \
        conclude(verdict, fmt, ap); \
    }
VERDICT_FUNCTION(good, VERDICT_PASS)
VERDICT_FUNCTION(bad, VERDICT_FAIL)
VERDICT_FUNCTION(cannot_tell, VERDICT_SKIP)

/* Set by the injected fault that leaves out the step of a repro (STEP). Written: at the start. */
static bool skip_step;

static void inject_skip_step(void)
{
    skip_step = true;
}

INJECT(skip_step, INJECT_EARLY, inject_skip_step);

bool kit_step(void)
{
    if (skip_step)
        print("paravane: repro %s step-left-out\n", running->named.name);
    return !skip_step;
}

void expect(const char *what, long answer, long expected)
{
    EVIDENCE(answer != KIT_NOT_MADE);
    if (answer == expected)
        good("%s: %ld", what, answer);
    bad("%s: %ld instead of %ld", what, answer, expected);
}

enum kit_place kit_place(void)
{
    const char *backend = pv_backend_name();

    if (!strcmp(backend, "xen-pv"))
        return KIT_XEN_PV;
    return strcmp(backend, "xen-pvh") ? KIT_NATIVE : KIT_XEN_PVH;
}

void kit_needs(unsigned int places)
{
    if (!(kit_place() & places))
        cannot_tell("the steps make no sense on %s", pv_backend_name());
}

u32 kit_xen_version(void)
{
    return kit_place() == KIT_NATIVE ? 0 : (u32)hc_xen_version(XENVER_version, NULL);
}

const char *kit_fault_text(const struct fault *fault)
{
    static char text[64];
    int length;

    if (!fault->caught)
        return "no fault";
    length = ksnprintf(text, sizeof(text), "%s(0x%llx)", exception_name(fault->vector),
                       (unsigned long long)fault->error);
    if (fault->vector == VECTOR_PF)
        ksnprintf(text + length, sizeof(text) - (size_t)length, " at 0x%llx",
                  (unsigned long long)fault->address);
    return text;
}

static void repro_payload(void)
{
    running = find_named("repro", _repros_start, _repros_end, sizeof(*running), payload_argument);
    print("KTAP version 1\n1..1\n");
    running->run();
    cannot_tell("the repro ended without a verdict");
}

PAYLOAD_ALONE(repro, repro_payload);
