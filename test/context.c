/*
 * check=context: wrap every op, before its call sites are patched, in a function that compares the
 * caller's context, and the state in which the op returns, with the op's rules (PV_CONTEXT in
 * pv/ops.def). Without the word nothing of this file runs, and call sites are what they are in
 * every image.
 *
 * Not wrapped: ops with PV_UNCHECKED, for the reason that their contract gives. An op that does not
 * return (iret, sysret, halt, shutdown, cpu_leave) is checked on entry only. Calls from before the
 * command line was read (early_init, trap_init, the first banner) are not checked.
 */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/plant.h"
#include "kernel/symtab.h"
#include "lib/string.h"
#include "pv/patch.h"

enum {
    PV_ANY = 0,
    PV_NOT_NMI = 1 << 0,
    PV_THREAD = 1 << 1 | PV_NOT_NMI,
    PV_IRQS_OFF = 1 << 2,
    PV_IRQS_ON = 1 << 3,
    PV_NOT_PREEMPTIBLE = 1 << 4,
    PV_NOT_NESTED = 1 << 5 | PV_NOT_NMI,
    PV_SETS_IF = 1 << 6,
    PV_UNCHECKED = 1 << 7,
};

#define HAS(rules, rule) (((rules) & (rule)) == (rule))

enum op_class {
#define PV_CLASS_BEGIN(class) CLASS_##class,
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
    NR_CLASSES
};

enum hot_op {
#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args, length) HOT_##name,
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
    NR_HOT
};

extern const u8 pv_hot_functions[]; /* pv/thunks.S: of each hot op, PV_HOT_SIZE bytes */

/* One call of an op, on the wrapper's stack. */
struct checked_call {
    const char *op;
    u32 rules;
    enum op_class group;
    const u8 *const *frame; /* the wrapper's: its caller's rbp, then the return address */
    bool irqs_on, stays;    /* at entry; stays: on this CPU, since it cannot be preempted */
    u32 cpu, spinlocks;     /* at entry */
    const struct checked_call *outer;
    const struct thread *thread;
};

/* The ops as the backend has them. Written: once, before other CPUs start. */
static struct pv_ops real;

/*
 * The innermost call of an op with PV_NOT_NESTED by a thread that cannot be preempted. Per CPU:
 * written by that thread, which is not preempted; handlers of its CPU only look.
 */
static const struct checked_call *running[PV_CPUS_MAX][NR_CLASSES];

static bool irqs_on(void)
{
    return real.flag.save_fl() & PV_FLAG_IF;
}

/*
 * Spinlocks that this thread holds: one instruction, because a thread that holds none may be moved.
 */
static u32 spinlocks_held(void)
{
    u32 held;

    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(held) : "i"(CPU_AREA_SPINLOCKS));
    return held;
}

/*
 * Return the function that called the op. A hot op is called through pv_hot_NAME (pv/thunks.S):
 * then the stack has, some words on, the address after its first instruction, a call of five bytes,
 * and after that the caller.
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

static void __noreturn report(const struct checked_call *call, const char *rule, const char *detail)
{
    const u64 caller = (u64)caller_of(call->frame + 1);
    char name[SYMTAB_NAME_MAX] = "?";
    u64 offset = 0;

    if (!symtab_lookup(&kernel_symtab, caller - 1, name, &offset))
        offset = caller - 1;
    pv_panic(call->op, "context: %s%s; called from %s+0x%llx", rule, detail, name,
             (unsigned long long)offset + 1);
}

/*
 * Return the op of the same class in whose midst the handler that makes this call interrupted the
 * thread, or NULL. A call that ended without a return (a fault that a test expects) is above the
 * interrupted stack pointer no longer, or is of another thread.
 */
static const char *interrupted_op(const struct checked_call *call)
{
    const struct cpu *c = this_cpu();
    const struct checked_call *run = running[call->cpu][call->group];

    if (!c->irq_frame || !run || run->thread != c->thread || c->irq_frame->rsp > (u64)run->frame)
        return NULL;
    return run->op;
}

/* Which rule the caller breaks, in words, or NULL. */
static const char *broken_rule(const struct checked_call *call)
{
    const u32 rules = call->rules;
    const struct cpu *c = this_cpu();

    /* A caller with interrupts enabled is in neither handler, and may be moved away from c. */
    if (!call->irqs_on && HAS(rules, PV_NOT_NMI) && c->in_nmi)
        return "a caller that is not an NMI handler is required";
    if (!call->irqs_on && HAS(rules, PV_THREAD) && c->irq_frame)
        return "a caller that is not an interrupt handler is required";
    if (HAS(rules, PV_IRQS_OFF) && call->irqs_on)
        return "a caller with interrupts disabled is required";
    if (HAS(rules, PV_IRQS_ON) && !call->irqs_on)
        return "a caller with interrupts enabled is required";
    if (HAS(rules, PV_NOT_PREEMPTIBLE) && !call->stays)
        return "a caller with interrupts disabled or a spinlock held is required";
    return NULL;
}

static __noinline void check_entry(struct checked_call *call)
{
    const char *rule, *interrupted;

    call->irqs_on = irqs_on();
    call->spinlocks = spinlocks_held();
    call->stays = !call->irqs_on || call->spinlocks;
    call->cpu = pv_this_cpu();
    call->thread = this_thread();
    if (panic_is_on())
        return;
    rule = broken_rule(call);
    if (rule)
        report(call, rule, "");
    if (!HAS(call->rules, PV_NOT_NESTED) || !call->stays)
        return; /* a caller that can be moved is not seen by a handler of its CPU */
    interrupted = interrupted_op(call);
    if (interrupted)
        report(call, "a handler must not interrupt the class, here the op ", interrupted);
    if (this_cpu()->irq_frame)
        return;
    call->outer = running[call->cpu][call->group];
    running[call->cpu][call->group] = call;
}

static __noinline void check_exit(const struct checked_call *call)
{
    const bool on = irqs_on();

    if (panic_is_on())
        return;
    if (on != call->irqs_on && !HAS(call->rules, PV_SETS_IF))
        report(call, "it must return with the interrupt flag as it was", "");
    if (spinlocks_held() != call->spinlocks)
        report(call, "it must return with as many spinlocks held as before", "");
    if (call->stays && (!on || call->spinlocks) && pv_this_cpu() != call->cpu)
        report(call, "it must return on the CPU that called it", "");
    if (running[call->cpu][call->group] == call)
        running[call->cpu][call->group] = call->outer;
}

/* An op that ends by a return ends its scope. */
#define CHECKED(class, name) \
    __attribute__((cleanup(check_exit))) struct checked_call call = { \
        .op = #name, \
        .rules = RULES_##name, \
        .group = CLASS_##class, \
        .frame = __builtin_frame_address(0), \
    }; \
    check_entry(&call)

#define PV_CLASS_BEGIN(class)
#define PV_CONTEXT(name, rules) enum { RULES_##name = (rules) };
#define PV_OP(class, ret, name, params, args) \
    static ret checked_##name params \
    { \
        CHECKED(class, name); \
        return real.class.name args; \
    }
#include "pv/ops.def"
#undef PV_OP
#undef PV_CONTEXT

#define PV_OP(class, ret, name, params, args) {checked_##name, RULES_##name},
static const struct {
    const void *function;
    u32 rules;
} wrappers[] = {
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
        if (((const void *const *)&real)[op] && !HAS(wrappers[op].rules, PV_UNCHECKED))
            pv_set_op(op, wrappers[op].function);
    return NULL;
}
