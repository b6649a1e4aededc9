/* SPDX-License-Identifier: MIT */
/*
 * Signals of programs: how traps of a program's code reach libc (kernel/services.h, libc_hooks),
 * which has the handlers, masks and pending signals (lib/newlib/signals.c).
 *
 * A hook is a plain call of libc inside the callback of the trap, on the stack that the trap
 * interrupted, with interrupts enabled. The interrupted registers are in a struct libc_context.
 * When it returns, they are copied back into the trap frame, and the callback returns as
 * usual. It may also leave by longjmp: a callback that has enabled interrupts holds nothing
 * that must be given back, as in a switch of threads.
 *
 * Only the program's own code is interrupted in this way. An exception in a kernel function that
 * the program has called is a panic, because the function may hold locks.
 *
 * Stack overflow. stack_check.S has detected it, on its own stack, at a check in the function that
 * would have overflowed the stack. If the thread has an alternate stack, the frame is copied
 * there, the hook is called there, and then the frame is resumed at the check, which is repeated.
 */
#include "kernel/app.h"
#include "kernel/panic.h"
#include "kernel/services.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "pv/pv.h"
#include "pv/x86.h"

#define CHECK_CALL_LENGTH 5 /* of the call in a check */

/* What a handler may change in rflags: CF, PF, AF, ZF, SF, DF, OF. */
#define RFLAGS_OF_PROGRAMS 0xcd5

extern const u8 _text_start[], _text_end[], _program_text_start[], _program_text_end[];

/* stack_check.S */
void stack_overflow_continue(struct trap_frame *frame,
                             void (*resume)(struct trap_frame *frame)) __noreturn;

/* Written: once, when a program's first thread starts to use libc. */
static const struct libc_hooks *libc;

static bool is_program_text(u64 rip)
{
    return rip >= (u64)_program_text_start && rip < (u64)_program_text_end;
}

static bool is_kernel_text(u64 rip)
{
    return rip >= (u64)_text_start && rip < (u64)_text_end && !is_program_text(rip);
}

/* Code of the program, or an address without code to which the program has jumped. */
static bool is_of_program(const struct trap_frame *frame)
{
    if (from_user(frame) || !(frame->rflags & RFLAGS_IF) || !this_thread()->fs_base)
        return false;
    return is_program_text(frame->rip) ||
           (!is_kernel_text(frame->rip) && !this_thread()->trap_handler);
}

#define FOR_EACH_REGISTER(m) \
    m(r15) m(r14) m(r13) m(r12) m(rbp) m(rbx) m(r11) m(r10) m(r9) m(r8) m(rax) m(rcx) m(rdx) \
        m(rsi) m(rdi) m(rip) m(rsp)

static void context_from_frame(struct libc_context *to, const struct trap_frame *frame)
{
#define FROM_FRAME(reg) to->reg = frame->reg;
    FOR_EACH_REGISTER(FROM_FRAME)
    to->rflags = frame->rflags;
    to->vector = frame->vector;
    to->error = frame->error;
}

static bool is_canonical(u64 address)
{
    return (u64)((s64)(address << 16) >> 16) == address;
}

static void context_to_frame(const struct libc_context *from, struct trap_frame *frame)
{
#define TO_FRAME(reg) frame->reg = from->reg;
    FOR_EACH_REGISTER(TO_FRAME)
    frame->rflags =
        (frame->rflags & ~(u64)RFLAGS_OF_PROGRAMS) | (from->rflags & RFLAGS_OF_PROGRAMS);
    if (!is_canonical(frame->rip) || !is_canonical(frame->rsp))
        panic_frame(frame, "a signal handler has set rip or rsp to a value that is not an address");
}

static void fpu_save_and_reset(u8 fpu[512])
{
    const u32 mxcsr = MXCSR_DEFAULT;

    __asm__ volatile("fxsave64 %0\n\tfninit\n\tldmxcsr %1"
                     : "=m"(*(struct fxsave_area *)(void *)fpu)
                     : "m"(mxcsr));
}

static void fpu_load(const u8 fpu[512])
{
    __asm__ volatile("fxrstor64 %0" : : "m"(*(const struct fxsave_area *)(const void *)fpu));
}

/* Call libc about a frame. Return whether the frame has been replaced by libc's context. */
static bool call_exception_hook(struct trap_frame *frame, u64 fault_address)
{
    struct libc_context context;
    bool handled;

    context_from_frame(&context, frame);
    context.address = fault_address;
    fpu_save_and_reset(context.fpu);
    pv_irq_enable();
    handled = libc->exception(&context);
    pv_irq_disable();
    fpu_load(context.fpu);
    if (handled)
        context_to_frame(&context, frame);
    return handled;
}

/* Natively #DB, #DF and #MC are on stacks of the CPU, where a thread cannot be switched. */
static bool on_program_exception(struct trap_frame *frame, u64 fault_address)
{
    if (frame->vector == VECTOR_DB || frame->vector == VECTOR_DF || frame->vector == VECTOR_MC)
        return false;
    return is_of_program(frame) && call_exception_hook(frame, fault_address);
}

static bool on_program_interrupt(struct trap_frame *frame)
{
    struct libc_context context;

    if (from_user(frame) || !is_program_text(frame->rip))
        return false;
    WRITE_ONCE(this_thread()->interrupt_wanted, false);
    context_from_frame(&context, frame);
    fpu_save_and_reset(context.fpu);
    pv_irq_enable();
    libc->interrupt(&context);
    pv_irq_disable();
    fpu_load(context.fpu);
    context_to_frame(&context, frame);
    return true;
}

/* ---- The alternate stack -------------------------------------------------------------------- */

/* An alternate stack may be small, so the program and the kernel have the same limit there. */
static void use_alternate_limit(void)
{
    const u64 limit = this_thread()->signal.alternate + STACK_RESERVE;

    app_set_stack_limits(limit, limit);
}

static u64 alternate_top(const struct thread *t)
{
    return (t->signal.alternate + t->signal.alternate_size) & ~(u64)15;
}

static bool is_on_alternate(const struct thread *t, u64 rsp)
{
    return rsp - t->signal.alternate <= t->signal.alternate_size;
}

/*
 * On the alternate stack, below the frame. libc sees a write below the stack. The limit is set
 * last: no function with a check may begin between it and pv_iret.
 */
static void handle_overflow(struct trap_frame *frame)
{
    struct thread *t = this_thread();

    use_alternate_limit();
    frame->vector = VECTOR_PF;
    frame->error = PF_WRITE;
    if (!call_exception_hook(frame, frame->rsp - sizeof(u64)))
        panic_frame(
            frame,
            "stack overflow in thread %s: too little of the stack is left, and no handler of "
            "SIGSEGV has SA_ONSTACK",
            this_thread()->name);
    t->stack_limit = pv_this_area()->stack_limit = t->signal.stack_limit;
    t->program_stack_limit = pv_this_area()->program_stack_limit = t->signal.program_stack_limit;
    pv_iret(frame);
    panic("the op iret returned");
}

static void on_program_stack_overflow(const struct trap_frame *frame)
{
    const struct thread *t = this_thread();
    struct trap_frame *copy;

    if (!t->signal.alternate_size || is_on_alternate(t, frame->rsp) || !is_program_text(frame->rip))
        return;
    copy = (struct trap_frame *)alternate_top(t) - 1;
    *copy = *frame;
    copy->rip -= CHECK_CALL_LENGTH;
    copy->cs = pv_kernel_cs();
    copy->ss = pv_kernel_ss();
    copy->rflags = RFLAGS_FIXED | RFLAGS_IF;
    stack_overflow_continue(copy, handle_overflow);
}

void libc_set_alternate(void *base, size_t size)
{
    struct thread *t = this_thread();

    t->signal.stack_limit = t->stack_limit;
    t->signal.program_stack_limit = t->program_stack_limit;
    t->signal.alternate = (u64)base;
    WRITE_ONCE(t->signal.alternate_size, size);
}

void libc_leave_alternate(void)
{
    app_set_stack_limits(0, 0);
}

void libc_on_own_stack(void)
{
    const struct thread *t = this_thread();

    app_set_stack_limits(t->signal.stack_limit, t->signal.program_stack_limit);
}

struct alternate_call {
    void (*run)(void *arg);
    void *arg;
};

static void run_on_alternate(const struct alternate_call *call)
{
    use_alternate_limit();
    call->run(call->arg);
    libc_leave_alternate();
}

/* %rbx keeps the thread's own stack pointer. */
void libc_call_on_alternate(void (*run)(void *arg), void *arg)
{
    const struct alternate_call call = {run, arg}, *first = &call;

    libc_leave_alternate(); /* no limit while %rsp changes */
    __asm__ volatile("movq %%rsp, %%rbx\n\t"
                     "movq %1, %%rsp\n\t"
                     "call *%2\n\t"
                     "movq %%rbx, %%rsp"
                     : "+D"(first)
                     : "r"(alternate_top(this_thread())), "r"(run_on_alternate)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "cc", "memory");
    libc_on_own_stack();
}

/* ---- Services ------------------------------------------------------------------------------- */

void libc_set_hooks(const struct libc_hooks *hooks)
{
    static const struct program_traps traps = {
        .exception = on_program_exception,
        .interrupt = on_program_interrupt,
        .stack_overflow = on_program_stack_overflow,
    };

    libc = hooks;
    program_traps = &traps;
}

void *libc_thread_self(void)
{
    return this_thread();
}

void libc_interrupt(void *thread)
{
    sched_interrupt(thread);
}
