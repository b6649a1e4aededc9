/*
 * check=context: every op is replaced, before its call sites are patched, by a wrapper that
 * compares the caller's context with the op's rules (PV_CONTEXT in pv/ops.def). Without the word
 * nothing of this file runs, and call sites are what they are in every image.
 */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/plant.h"
#include "lib/string.h"
#include "pv/patch.h"

enum {
    PV_ANY = 0,
    PV_NOT_NMI = 1 << 0,
    PV_THREAD = 1 << 1 | PV_NOT_NMI,
    PV_IRQS_OFF = 1 << 2,
    PV_IRQS_ON = 1 << 3,
};

static struct pv_ops real; /* Written: once, before other CPUs start. */

/* Which rule the caller breaks, in words, or NULL. */
static const char *broken_rule(u32 rules)
{
    const bool irqs_on = real.flag.save_fl() & PV_FLAG_IF;
    const struct cpu *c = this_cpu();

    /* A caller with interrupts enabled is in neither handler, and may be moved away from c. */
    if (!irqs_on && rules & PV_NOT_NMI && c->in_nmi)
        return "a caller that is not an NMI handler";
    if (!irqs_on && (rules & PV_THREAD) == PV_THREAD && c->irq_frame)
        return "a caller that is not an interrupt handler";
    if (rules & PV_IRQS_OFF && irqs_on)
        return "a caller with interrupts disabled";
    if (rules & PV_IRQS_ON && !irqs_on)
        return "a caller with interrupts enabled";
    return NULL;
}

static __noinline void check_context(const char *op, u32 rules, const void *caller)
{
    const char *rule = panic_is_on() ? NULL : broken_rule(rules);

    if (rule)
        pv_panic(op, "context: %s is required; called from %p", rule, caller);
}

#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_CONTEXT(name, rules) enum { RULES_##name = (rules) };
#define PV_OP(class, ret, name, params, args) \
    static ret checked_##name params \
    { \
        check_context(#name, RULES_##name, __builtin_return_address(0)); \
        return real.class.name args; \
    }
#include "pv/ops.def"
#undef PV_OP
#undef PV_CONTEXT

#define PV_OP(class, ret, name, params, args) checked_##name,
static const void *const wrappers[] = {
#include "pv/ops.def"
};
#undef PV_OP
#undef PV_CLASS_BEGIN
#undef PV_CLASS_END

const char *check_ops(const char *what)
{
    if (strcmp(what, "context"))
        return "known: context";
    real = pv_ops;
    for (u32 op = 0; op < ARRAY_SIZE(wrappers); op++)
        if (((const void *const *)&real)[op])
            pv_set_op(op, wrappers[op]);
    return NULL;
}
