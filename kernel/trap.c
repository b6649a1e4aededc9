/*
 * Exceptions, whichever backend delivered them. A page fault may be mm/'s to resolve, or belong to
 * a copy from user memory; then the innermost PV_TRY block takes an exception, else it is the end.
 */
#include "kernel/trap.h"
#include "kernel/irq.h"
#include "kernel/lifecycle.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/user.h"
#include "pv/ex_table.h"
#include "lib/string.h"
#include "mm/space.h"
#include "pv/patch.h"

_Static_assert(offsetof(struct fault, saved) == 40, "try.S knows the layout");

extern const struct ex_entry _ex_table_start[], _ex_table_end[];

trap_hook *debug_hook, *nmi_hook;

const char *exception_name(u64 vector)
{
    static const char *const names[32] = {
        [0] = "#DE",  [1] = "#DB",  [2] = "NMI",  [3] = "#BP",  [4] = "#OF",  [5] = "#BR",
        [6] = "#UD",  [7] = "#NM",  [8] = "#DF",  [10] = "#TS", [11] = "#NP", [12] = "#SS",
        [13] = "#GP", [14] = "#PF", [16] = "#MF", [17] = "#AC", [18] = "#MC", [19] = "#XM",
        [20] = "#VE", [21] = "#CP", [28] = "#HV", [29] = "#VC", [30] = "#SX"};

    return vector < ARRAY_SIZE(names) && names[vector] ? names[vector] : "reserved vector";
}

void fault_begin(struct fault *f)
{
    f->caught = false;
    f->outer = this_thread()->innermost;
    this_thread()->innermost = f;
}

bool fault_end(struct fault *f)
{
    this_thread()->innermost = f->outer;
    return false;
}

struct fault *fault_hide(void)
{
    struct fault *hidden = this_thread()->innermost;

    this_thread()->innermost = NULL;
    return hidden;
}

void fault_unhide(struct fault *hidden)
{
    this_thread()->innermost = hidden;
}

static void resume_at_try(struct trap_frame *frame, struct fault *f, u64 fault_address)
{
    this_thread()->innermost = f->outer;
    f->caught = true;
    f->vector = frame->vector;
    f->error = frame->error;
    f->rip = frame->rip;
    f->address = fault_address;
    frame->rbx = f->saved[0];
    frame->rbp = f->saved[1];
    frame->r12 = f->saved[2];
    frame->r13 = f->saved[3];
    frame->r14 = f->saved[4];
    frame->r15 = f->saved[5];
    frame->rsp = f->saved[6];
    frame->rip = f->saved[7];
    frame->rax = 0;
}

static bool fix_up(struct trap_frame *frame)
{
    for (const struct ex_entry *e = _ex_table_start; e < _ex_table_end; e++)
        if (e->from == frame->rip) {
            frame->rip = e->to;
            return true;
        }
    return false;
}

static void on_exception(struct trap_frame *frame, u64 fault_address)
{
    if (frame->vector == VECTOR_PF && mm_fault(fault_address, frame->error))
        return;
    if (!from_user(frame) && fix_up(frame))
        return;
    if (debug_hook && frame->vector == VECTOR_DB && debug_hook(frame))
        return;
    if (user_leave(frame, fault_address))
        return;
    if (this_thread()->innermost)
        resume_at_try(frame, this_thread()->innermost, fault_address);
    else if (frame->vector == VECTOR_UD && pv_trap_at(frame->rip))
        panic_frame(frame, "op %s of backend %s: empty in this backend", pv_trap_at(frame->rip),
                    pv_backend_name());
    else if (frame->vector == VECTOR_PF)
        panic_frame(frame, "page fault (#PF) at address %016llx: %s of %s page, error %llx",
                    (unsigned long long)fault_address,
                    frame->error & 16  ? "execution"
                    : frame->error & 2 ? "write"
                                       : "read",
                    frame->error & 1 ? "a protected" : "an absent",
                    (unsigned long long)frame->error);
    else
        panic_frame(frame, "exception %s (vector %llu), error %llx", exception_name(frame->vector),
                    (unsigned long long)frame->vector, (unsigned long long)frame->error);
}

static void on_syscall(struct trap_frame *frame)
{
    if (!user_leave(frame, 0))
        panic_frame(frame, "a system call, but no user mode was entered");
}

static void on_nmi(struct trap_frame *frame)
{
    if (smp_stop_nmi(frame))
        return;
    if (!nmi_hook || !nmi_hook(frame))
        panic_frame(frame, "NMI that nobody expects");
}

static void on_failsafe(struct trap_frame *frame)
{
    if (!user_leave(frame, 0))
        panic_frame(frame, "failsafe callback: the hypervisor could not reload a segment");
}

void trap_init(void)
{
    static const struct pv_upcalls upcalls = {
        .exception = on_exception,
        .nmi = on_nmi,
        .syscall = on_syscall,
        .failsafe = on_failsafe,
        .interrupt = irq_on_interrupt,
        .timer = irq_on_timer,
        .ipi = irq_on_ipi,
        .interrupts_done = irq_on_interrupts_done,
        .reschedule = sched_on_unlock,
        .suspend = lifecycle_suspend,
        .resume = lifecycle_resume,
        .shutdown_request = lifecycle_shutdown_request,
        .memory_target = lifecycle_memory_target,
    };

    pv_set_upcalls(&upcalls);
    pv_trap_init();
}
