/* SPDX-License-Identifier: MIT */
/*
 * Faults on purpose: those of inject= (test/harness/inject.c), wrong ops (test/mutants/mutate.c),
 * and the tests that notice them.
 */
#include "kernel/registry.h"
#include "lib/string.h"
#include "test/harness/test.h"
#include "test/patch/sites.h"
#include "test/shell/shell.h"

extern const struct injected_fault _faults_start[], _faults_end[];

/* Those after which the kernel continues: an exception that is caught, or nothing at all. */
static const char *const survivable[] = {
    "fail", "skip", "crash", "leaf", "divide", "opcode", "long_line", "chorus", "early",
};

static const char *inject_rule(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(survivable); i++)
        if (!strcmp(survivable[i], name))
            return NULL;
    return "this fault ends the machine, or hangs it";
}

static void run_fault(void *arg)
{
    const struct injected_fault *fault = arg;

    fault->run();
}

static void print_faults(void)
{
    for (const struct injected_fault *f = _faults_start; f < _faults_end; f++)
        print("  %s%s\n", f->named.name, inject_rule(f->named.name) ? " (ends the machine)" : "");
}

SHELL_COMMAND(inject, "[FAULT]", "make the kernel misbehave; alone: list the faults")
{
    struct shell_trial t;

    if (words->count != 2) {
        print_faults();
        return;
    }
    for (const struct injected_fault *f = _faults_start; f < _faults_end; f++) {
        if (strcmp(f->named.name, words->word[1]))
            continue;
        if (shell_refuses(really, inject_rule(f->named.name)))
            return;
        print("%s: ", f->named.name);
        if (shell_try(&t, run_fault, (void *)(u64)f))
            print("returned; nothing has noticed\n");
        else
            shell_print_trial(&t);
        return;
    }
    shell_error("%s is not a fault; inject alone lists them", words->word[1]);
}

/* ---- Wrong ops */

static const void *right[PV_NR_OPS]; /* the table before the first mutant */
static bool has_mutant;

struct mutation {
    const char *what, *wrong;
};

static void mutate_alone(void *arg)
{
    struct mutation *m = arg;

    if (!has_mutant)
        memcpy(right, &pv_ops, sizeof(right));
    m->wrong = apply_op_change("mutate", m->what);
    has_mutant |= !m->wrong;
}

static void restore_ops(void *arg)
{
    (void)arg;
    for (u32 op = 0; has_mutant && op < PV_NR_OPS; op++)
        if (pv_ops.slot[op] != right[op])
            pv_set_op(op, right[op]);
    has_mutant = false;
}

SHELL_COMMAND(mutate, "OP:KIND|off",
              "make an op wrong (test/mutants/mutate.c has the kinds), or right again")
{
    struct mutation m = {.what = words->count == 2 ? words->word[1] : ""};

    run_alone(restore_ops, NULL);
    if (!strcmp(m.what, "off"))
        return;
    if (words->count != 2) {
        shell_error("mutate takes OP:KIND or off");
        return;
    }
    if (shell_refuses(really, "a wrong op may end or hang the machine"))
        return;
    run_alone(mutate_alone, &m);
    if (m.wrong)
        shell_error("%s: %s", m.what, m.wrong);
}

SHELL_COMMAND(test, "GLOB[,GLOB...]", "run tests of the suite, such as time.*")
{
    if (words->count != 2)
        shell_error("test takes the names of tests");
    else if (!suite_run_some(words->word[1]))
        shell_error("%s matches no test", words->word[1]);
}
