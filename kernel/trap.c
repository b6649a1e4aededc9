/*
 * Exceptions, whichever backend delivered them. A page fault may be mm/'s to resolve, or belong to
 * a copy from user memory; then the innermost PV_TRY block takes an exception, else it is the end.
 */
#include "kernel/trap.h"
#include "kernel/irq.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "pv/ex_table.h"
#include "lib/string.h"
#include "mm/space.h"
#include "pv/patch/patch.h"

_Static_assert(!offsetof(struct fault, taker.saved), "try.S knows the layout");

extern const struct ex_entry _ex_table_start[], _ex_table_end[];

/* Written: by one test at a time, around what it provokes on its own CPU. */
trap_hook *debug_hook, *nmi_hook, *failsafe_hook;

const char *exception_name(u64 vector)
{
    static const char names[32][4] = {
        [0] = "#DE",  [1] = "#DB",  [2] = "NMI",  [3] = "#BP",  [4] = "#OF",  [5] = "#BR",
        [6] = "#UD",  [7] = "#NM",  [8] = "#DF",  [10] = "#TS", [11] = "#NP", [12] = "#SS",
        [13] = "#GP", [14] = "#PF", [16] = "#MF", [17] = "#AC", [18] = "#MC", [19] = "#XM",
        [20] = "#VE", [21] = "#CP", [28] = "#HV", [29] = "#VC", [30] = "#SX"};

    if (vector == VECTOR_FAILSAFE)
        return "failsafe callback, since a segment could not be reloaded";
    if (vector >= VECTOR_SYSCALL)
        return "system call";
    return vector < ARRAY_SIZE(names) && names[vector][0] ? names[vector] : "reserved vector";
}

void trap_push(struct trap_handler *taker)
{
    taker->outer = this_thread()->taker;
    this_thread()->taker = taker;
}

void trap_pop(struct trap_handler *taker)
{
    this_thread()->taker = taker->outer;
}

static bool take(struct trap_frame *frame, u64 fault_address)
{
    struct trap_handler *taker = this_thread()->taker;

    if (!taker)
        return false;
    trap_pop(taker);
    taker->take(taker, frame, fault_address);
    frame->rbx = taker->saved[0];
    frame->rbp = taker->saved[1];
    frame->r12 = taker->saved[2];
    frame->r13 = taker->saved[3];
    frame->r14 = taker->saved[4];
    frame->r15 = taker->saved[5];
    frame->rsp = taker->saved[6];
    frame->rip = taker->saved[7];
    frame->cs = pv_kernel_cs();
    frame->ss = pv_kernel_ss();
    return true;
}

/*
 * fault_try returns once more: false. The frame may be one that pv_iret could not load, so only IF
 * of its flags is kept: C code wants DF, TF and AC clear.
 */
static void take_fault(struct trap_handler *taker, struct trap_frame *frame, u64 fault_address)
{
    struct fault *f = (struct fault *)taker;

    f->caught = true;
    f->vector = frame->vector;
    f->error = frame->error;
    f->rip = frame->rip;
    f->address = fault_address;
    frame->rax = false;
    frame->rflags &= PV_FLAG_IF;
}

void fault_begin(struct fault *f)
{
    f->caught = false;
    f->taker.take = take_fault;
    trap_push(&f->taker);
}

bool fault_end(struct fault *f)
{
    trap_pop(&f->taker);
    return false;
}

static bool fix_up(struct trap_frame *frame)
{
    for (const struct ex_entry *e = _ex_table_start; e < _ex_table_end; e++)
        if ((u64)&e->from + (u64)e->from == frame->rip) {
            frame->rip = (u64)&e->to + (u64)e->to;
            return true;
        }
    return false;
}

static void __noreturn panic_exception(const struct trap_frame *frame, u64 fault_address)
{
    const char *op = frame->vector == VECTOR_UD ? pv_trap_at(frame->rip) : NULL;

    if (op)
        panic_frame(frame, "op %s of backend %s: empty in this backend", op, pv_backend_name());
    if (frame->vector == VECTOR_PF)
        panic_frame(frame, "page fault (#PF) at address %016lx: %s of %s page, error %lx",
                    fault_address,
                    frame->error & 16  ? "execution"
                    : frame->error & 2 ? "write"
                                       : "read",
                    frame->error & 1 ? "a protected" : "an absent", frame->error);
    panic_frame(frame, "exception %s (vector %lu), error %lx", exception_name(frame->vector),
                frame->vector, frame->error);
}

static void on_exception(struct trap_frame *frame, u64 fault_address)
{
    if (frame->vector == VECTOR_PF && mm_fault(fault_address, frame->error))
        return;
    /* A debug exception before the instruction is not the instruction's fault. */
    if (!from_user(frame) && frame->vector != VECTOR_DB && fix_up(frame))
        return;
    if (debug_hook && frame->vector == VECTOR_DB && debug_hook(frame))
        return;
    if (!take(frame, fault_address))
        panic_exception(frame, fault_address);
}

static void on_syscall(struct trap_frame *frame)
{
    if (!take(frame, 0))
        panic_exception(frame, 0);
}

/* The selectors that could not be loaded are null now, which the interrupted code has to bear. */
static void on_failsafe(struct trap_frame *frame)
{
    if (failsafe_hook)
        failsafe_hook(frame);
}

static void handle_nmi(struct trap_frame *frame)
{
    if (smp_stop_nmi(frame))
        return;
    if (!nmi_hook || !nmi_hook(frame))
        irq_on_unclaimed_nmi();
}

/* The thread stays on its CPU: NMI handlers do not switch. */
static void on_nmi(struct trap_frame *frame)
{
    struct cpu *c = this_cpu();

    c->in_nmi++;
    handle_nmi(frame);
    c->in_nmi--;
}

void trap_init(void)
{
    static const struct pv_callbacks callbacks = {
        .exception = on_exception,
        .nmi = on_nmi,
        .syscall = on_syscall,
        .failsafe = on_failsafe,
        .interrupt = irq_on_interrupt,
        .timer = irq_on_timer,
        .ipi = irq_on_ipi,
        .unclaimed = irq_on_unclaimed,
        .interrupts_done = sched_on_interrupts_done,
        .reschedule = sched_on_unlock,
        .suspend = lifecycle_suspend,
        .resume = lifecycle_resume,
        .shutdown_request = lifecycle_shutdown_request,
        .memory_target = lifecycle_memory_target,
    };

    pv_set_callbacks(&callbacks);
    pv_trap_init();
}
