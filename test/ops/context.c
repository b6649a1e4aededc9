/* SPDX-License-Identifier: MIT */
/*
 * check=context: wrap every op, before its call sites are patched, in a function that compares the
 * caller's context, the state in which the op returns, and the status that it returns with the
 * op's contract (PV_CONTEXT and PV_STATUS in pv/ops.def). Without the word nothing of this file
 * runs, and call sites are what they are in every image.
 *
 * Not wrapped: ops with PV_UNCHECKED, for the reason that their contract gives. An op that does not
 * return (iret, sysret, halt, shutdown, cpu_leave) is checked on entry only. Calls from before the
 * command line was read (early_init, trap_init, the first banner) are not checked.
 */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/registry.h"
#include "kernel/symtab.h"
#include "kernel/thread.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/patch/patch.h"
#include "test/ops/context.h"

enum {
    PV_ANY = 1 << 0,
    PV_NOT_NMI = 1 << 1,
    PV_THREAD = 1 << 2,
    PV_MIGRATABLE = 1 << 3,
    PV_BOUND = 1 << 4,
    PV_NOT_PREEMPTIBLE = 1 << 5,
    PV_IRQS_OFF = 1 << 6,
    PV_IRQS_ON = 1 << 7,
    PV_SETS_IF = 1 << 8,
    PV_UNCHECKED = 1 << 9,
};

/* One word of each of these sets is in the context of every op. */
#define WHO (PV_ANY | PV_NOT_NMI | PV_THREAD | PV_UNCHECKED)
#define HOW (PV_MIGRATABLE | PV_BOUND | PV_NOT_PREEMPTIBLE | PV_IRQS_OFF | PV_UNCHECKED)

enum hot_op {
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args) HOT_##name,
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
    NR_HOT
};

extern const u8 pv_hot_functions[]; /* pv/patch/thunks.S: of each hot op, PV_HOT_SIZE bytes */

/* One call of an op, on the wrapper's stack. */
struct checked_call {
    const char *op;
    u32 rules;
    const u8 *const *frame; /* of the wrapper: its caller's rbp, then the return address */
    bool irqs_on;           /* this and the following: at entry */
    bool is_preemptible;
    bool is_bound; /* the thread stays on this CPU, also if it is preempted */
    u32 cpu, spinlocks;
};

struct pv_ops context_real;

static bool irqs_on(void)
{
    return context_real.flag.save_fl() & PV_FLAG_IF;
}

/*
 * Return the number of spinlocks that this thread holds. Read it in one instruction, because a
 * thread that holds none may migrate.
 */
static u32 spinlocks_held(void)
{
    u32 held;

    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(held) : "i"(CPU_AREA(spinlocks)));
    return held;
}

/*
 * Return the function that called the op. A hot op is called through pv_hot_NAME
 * (pv/patch/thunks.S): then the stack has, some words on, the address after its first instruction,
 * a call of five bytes, and after that the caller.
 */
static const u8 *caller_of(const u8 *const *word)
{
    const size_t distance = (size_t)(*word - pv_hot_functions);
    const u8 *hot;

    if (*word < pv_hot_functions || distance >= NR_HOT * PV_HOT_SIZE)
        return *word;
    hot = *word - distance % PV_HOT_SIZE;
    while (*word != hot + 5)
        word++;
    return word[1];
}

static void __noreturn __printf(2, 3) report(const struct checked_call *call, const char *fmt, ...)
{
    const u64 caller = (u64)caller_of(call->frame + 1);
    char rule[96], name[SYMTAB_NAME_MAX] = "?";
    u64 offset = 0;
    va_list ap;

    va_start(ap, fmt);
    kvsnprintf(rule, sizeof(rule), fmt, ap);
    va_end(ap);
    if (!symtab_lookup(&kernel_symtab, caller - 1, name, &offset))
        offset = caller - 1;
    pv_panic(call->op, "context: %s; called from %s+0x%llx", rule, name,
             (unsigned long long)offset + 1);
}

/* Return the rule that the caller breaks, as text, or NULL. */
static const char *broken_rule(const struct checked_call *call)
{
    const u32 rules = call->rules;
    const struct cpu *c = this_cpu();

    /* A caller with interrupts enabled is not in a handler, and may migrate away from c. */
    if (!call->irqs_on && !(rules & PV_ANY) && c->in_nmi)
        return "a caller that is not an NMI handler is required";
    if (!call->irqs_on && rules & PV_THREAD && c->irq_frame)
        return "a caller that is not an interrupt handler is required";
    if (rules & PV_IRQS_OFF && call->irqs_on)
        return "a caller with interrupts disabled is required";
    if (rules & PV_IRQS_ON && !call->irqs_on)
        return "a caller with interrupts enabled is required";
    if (rules & PV_NOT_PREEMPTIBLE && call->is_preemptible)
        return "a caller with interrupts disabled or a spinlock held is required";
    if (rules & PV_BOUND && !call->is_bound)
        return "a caller that is bound to its CPU is required";
    return NULL;
}

static __noinline void check_entry(struct checked_call *call)
{
    const char *rule;

    call->irqs_on = irqs_on();
    call->spinlocks = spinlocks_held();
    call->is_preemptible = call->irqs_on && !call->spinlocks;
    call->is_bound = !call->is_preemptible || this_thread()->home;
    call->cpu = pv_this_cpu();
    if (panic_is_on())
        return;
    rule = broken_rule(call);
    if (rule)
        report(call, "%s", rule);
}

static bool is_moved(const struct checked_call *call)
{
    const bool can_be_preempted_now = irqs_on() && !spinlocks_held() && !this_thread()->home;

    return call->is_bound && !can_be_preempted_now && pv_this_cpu() != call->cpu;
}

static __noinline void check_exit(const struct checked_call *call)
{
    if (panic_is_on())
        return;
    if (irqs_on() != call->irqs_on && !(call->rules & PV_SETS_IF))
        report(call, "it must return with the interrupt flag as it was");
    if (spinlocks_held() != call->spinlocks)
        report(call, "it must return with as many spinlocks held as before");
    if (is_moved(call))
        report(call, "it must return on the CPU that called it");
}

/* The results that the contract allows: 0 to most, or one of the errors, negated. */
struct statuses {
    s64 most;
    u32 nr_errors;
    const int *errors;
};

static __noinline s64 check_status(const struct checked_call *call, const struct statuses *may,
                                   s64 status)
{
    bool is_listed = status >= 0 && status <= may->most;

    for (u32 i = 0; i < may->nr_errors; i++)
        is_listed |= status == -may->errors[i];
    if (!is_listed && !panic_is_on())
        report(call, "it must not return %lld, which its contract does not list",
               (long long)status);
    return status;
}

/* An op that ends by a return ends its scope. */
#define CHECKED(name) \
    __attribute__((cleanup(check_exit))) struct checked_call call = { \
        .op = #name, \
        .rules = RULES_##name, \
        .frame = __builtin_frame_address(0), \
    }; \
    check_entry(&call)

#define PV_CLASS_BEGIN(class)
#define PV_CONTEXT(name, rules) enum { RULES_##name = (rules) };
#define COMPLETE(name) \
    _Static_assert(__builtin_popcount(RULES_##name & WHO) == 1, #name ": who may call it?"); \
    _Static_assert(__builtin_popcount(RULES_##name & HOW) == 1, #name ": may its caller move?")
#define PV_COUNT ((s64)(~0ull >> 1))
#define PV_OP(class, ret, name, params, args) \
    COMPLETE(name); \
    static ret checked_##name params \
    { \
        CHECKED(name); \
        return context_real.class.name args; \
    }
#define PV_STATUS(class, ret, name, params, args, most, ...) \
    COMPLETE(name); \
    static ret checked_##name params \
    { \
        static const int errors[] = {__VA_ARGS__}; \
        static const struct statuses may = {most, ARRAY_SIZE(errors), errors}; \
        CHECKED(name); \
        return (ret)check_status(&call, &may, context_real.class.name args); \
    }
#include "pv/ops.def"
#undef PV_OP
#undef PV_CONTEXT

const struct pv_ops context_checked = {
#define PV_OP(class, ret, name, params, args) .class.name = checked_##name,
#include "pv/ops.def"
#undef PV_OP
};

static const u16 rules_of[] = {
#define PV_OP(class, ret, name, params, args) RULES_##name,
#include "pv/ops.def"
#undef PV_OP
};
#undef PV_CLASS_BEGIN
#undef PV_CLASS_END

static const char *check_ops(const char *what)
{
    if (strcmp(what, "context"))
        return "known: context";
    context_real = pv_ops;
    for (u32 op = 0; op < PV_NR_OPS; op++)
        if (context_real.slot[op] && !(rules_of[op] & PV_UNCHECKED))
            pv_set_op(op, context_checked.slot[op]);
    return NULL;
}

OP_CHANGE(check, check_ops);
