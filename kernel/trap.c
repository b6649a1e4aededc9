/* SPDX-License-Identifier: MIT */
/*
 * How exceptions, NMIs and system calls reach the kernel, and what becomes of them.
 *
 * The way in. The CPU (or Xen, for a PV guest) enters a stub of pv/entry/, which records the
 * vector; the backend's entry.S completes a struct trap_frame and calls the backend's C code, which
 * calls one of the callbacks that trap_init handed over (pv/callbacks.h). From here on all backends
 * are alike: a frame, and for a page fault its address. The kernel returns from the callback, and
 * execution continues as the frame then says: to change the frame is to resume elsewhere.
 *
 * Exceptions. on_exception tries, in this order:
 *  1. mm_fault:        a page fault on a page that mm_reserve has promised. Map it, and retry.
 *  2. apply_fixup:     the exception table (pv/ex_table.h). It lists single instructions that may
 *                      fault, such as a copy from user memory, and where each continues then.
 *  3. debug_hook:      a test's single steps.
 *  4. program_traps:   a program's handlers of signals (kernel/app_signal.c).
 *  5. a recovery point of this thread (struct trap_handler).
 *  6. panic_exception: the end of the run.
 *
 * Recovery points. A thread has a stack of them; PV_TRY pushes one around a block that may fault,
 * user_run one while the thread is in user mode. A trap pops the innermost and resumes the thread
 * with the registers that were saved there, as longjmp would, but by the frame: the way back is the
 * backend's ordinary return from the trap. So user_run returns when user mode makes a system call
 * or faults, and a PV_TRY block ends at its first exception. An interrupt handler runs on the stack
 * of the thread that it interrupted but is not part of the thread's block: irq.c hides the
 * thread's recovery points while it runs.
 *
 * NMIs arrive anywhere, inside a spinlock or another callback too. on_nmi therefore takes no lock
 * and prints nothing: it stops this CPU if a panicking CPU has asked for that (smp.c), notes its
 * state if a report has (report.c), lets a test look, and otherwise counts; irq.c reports later.
 * c->in_nmi shows check=context (test/ops/context.c) that ops are called from an NMI.
 *
 * System calls come from user mode only, so user_run's recovery point is always there: the kernel
 * has no system calls of its own, and its caller decides what one means.
 */
#include "kernel/trap.h"
#include "kernel/irq.h"
#include "kernel/kernel.h"
#include "kernel/lifecycle.h"
#include "kernel/panic.h"
#include "kernel/report.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "mm/space.h"
#include "pv/ex_table.h"
#include "pv/patch/patch.h"
#include "pv/x86.h"

/* try.S saves the registers at the address of the struct fault. */
_Static_assert(!offsetof(struct fault, handler.regs), "regs are the first member");

extern const struct ex_entry _ex_table_start[], _ex_table_end[];

/* Written: by one test at a time, around the trap that it provokes on its own CPU. */
trap_hook *debug_hook, *nmi_hook, *failsafe_hook;

/* Written: once, when a program's first thread starts to use libc. */
const struct program_traps *program_traps;

const char *exception_name(u64 vector)
{
    static const char names[32][4] = {
        [0] = "#DE",  [1] = "#DB",  [2] = "NMI",  [3] = "#BP",  [4] = "#OF",  [5] = "#BR",
        [6] = "#UD",  [7] = "#NM",  [8] = "#DF",  [10] = "#TS", [11] = "#NP", [12] = "#SS",
        [13] = "#GP", [14] = "#PF", [16] = "#MF", [17] = "#AC", [18] = "#MC", [19] = "#XM",
        [20] = "#VE", [21] = "#CP", [28] = "#HV", [29] = "#VC", [30] = "#SX"};

    if (vector == VECTOR_FAILSAFE)
        return "failsafe callback: a segment could not be reloaded";
    if (vector >= VECTOR_SYSCALL)
        return "system call";
    return vector < ARRAY_SIZE(names) && names[vector][0] ? names[vector] : "reserved vector";
}

void trap_push(struct trap_handler *handler)
{
    handler->outer = this_thread()->trap_handler;
    this_thread()->trap_handler = handler;
}

void trap_pop(struct trap_handler *handler)
{
    this_thread()->trap_handler = handler->outer;
}

static void resume_at(struct trap_frame *frame, const struct callee_saved *regs)
{
    frame->rbx = regs->rbx;
    frame->rbp = regs->rbp;
    frame->r12 = regs->r12;
    frame->r13 = regs->r13;
    frame->r14 = regs->r14;
    frame->r15 = regs->r15;
    frame->rsp = regs->rsp;
    frame->rip = regs->rip;
    frame->cs = pv_kernel_cs();
    frame->ss = pv_kernel_ss();
}

/* Resume this thread at its innermost recovery point. Return false if it has none. */
static bool recover(struct trap_frame *frame, u64 fault_address)
{
    struct trap_handler *handler = this_thread()->trap_handler;

    if (!handler)
        return false;
    trap_pop(handler);
    handler->handle(handler, frame, fault_address);
    resume_at(frame, &handler->regs);
    return true;
}

/*
 * Make fault_try return a second time, with false. Of the flags only IF is kept, because the frame
 * may be one that pv_iret could not load, and C code needs DF, TF and AC clear.
 */
static void end_try_block(struct trap_handler *handler, struct trap_frame *frame, u64 fault_address)
{
    struct fault *f = container_of(handler, struct fault, handler);

    f->caught = true;
    f->vector = frame->vector;
    f->error = frame->error;
    f->rip = frame->rip;
    f->address = fault_address;
    frame->rax = false;
    frame->rflags &= RFLAGS_IF;
}

void fault_begin(struct fault *f)
{
    f->caught = false;
    f->handler.handle = end_try_block;
    trap_push(&f->handler);
}

bool fault_end(struct fault *f)
{
    trap_pop(&f->handler);
    return false;
}

/* An entry's two fields are relative to their own addresses. */
static bool apply_fixup(struct trap_frame *frame)
{
    for (const struct ex_entry *e = _ex_table_start; e < _ex_table_end; e++)
        if ((u64)&e->from + (u64)e->from == frame->rip) {
            frame->rip = (u64)&e->to + (u64)e->to;
            return true;
        }
    return false;
}

static void __noreturn panic_page_fault(const struct trap_frame *frame, u64 address)
{
    const char *access = frame->error & PF_INSTR   ? "execution"
                         : frame->error & PF_WRITE ? "write"
                                                   : "read";
    const char *page = frame->error & PF_PROT ? "a protected" : "an absent";

    panic_frame(frame, "page fault (#PF) at address %016lx: %s of %s page, error %lx", address,
                access, page, frame->error);
}

static void __noreturn panic_exception(const struct trap_frame *frame, u64 fault_address)
{
    const char *op = frame->vector == VECTOR_UD ? pv_trap_at(frame->rip) : NULL;

    if (op)
        panic_frame(frame, "op %s of backend %s: empty in this backend", op, pv_backend_name());
    if (frame->vector == VECTOR_PF)
        panic_page_fault(frame, fault_address);
    panic_frame(frame, "exception %s (vector %lu), error %lx", exception_name(frame->vector),
                frame->vector, frame->error);
}

/*
 * Fixups are for the kernel's own accesses, so a frame of user mode does not get one, even at an
 * address that the table has; and a #DB there is the debugger's, not the access's.
 */
static void on_exception(struct trap_frame *frame, u64 fault_address)
{
    if (frame->vector == VECTOR_PF && mm_fault(fault_address, frame->error))
        return;
    if (!from_user(frame) && frame->vector != VECTOR_DB && apply_fixup(frame))
        return;
    if (debug_hook && frame->vector == VECTOR_DB && debug_hook(frame))
        return;
    if (program_traps && program_traps->exception(frame, fault_address))
        return;
    if (!recover(frame, fault_address))
        panic_exception(frame, fault_address);
}

static void on_syscall(struct trap_frame *frame)
{
    if (!recover(frame, 0))
        panic_exception(frame, 0);
}

/* Xen has loaded null selectors in place of those that it could not load: continue with them. */
static void on_failsafe(struct trap_frame *frame)
{
    if (failsafe_hook)
        failsafe_hook(frame);
}

static void handle_nmi(struct trap_frame *frame)
{
    if (smp_stop_nmi(frame))
        return;
    if (report_on_nmi(frame))
        return;
    if (!nmi_hook || !nmi_hook(frame))
        irq_on_unclaimed_nmi(frame);
}

/* An NMI does not switch threads, so c stays this CPU. */
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
