/* See kernel/panic.h. */
#include "kernel/panic.h"
#include "kernel/console.h"
#include "kernel/smp.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "kernel/verdict.h"
#include "lib/format.h"
#include "pv/pv.h"

static u32 panicking; /* which CPU, plus one */

/* All in which the compiler keeps values, in the frame's order. */
static void print_registers(const struct trap_frame *f)
{
    static const char names[][4] = {"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10",
                                    "r9 ", "r8 ", "rax", "rcx", "rdx", "rsi", "rdi"};

    for (u32 i = 0; i < ARRAY_SIZE(names); i++)
        print("  %s %016lx%s", names[i], (&f->r15)[i], i % 3 == 2 ? "\n" : "");
    print("  rip %016lx  rsp %016lx  efl %016lx\n"
          "  cs %04lx  ss %04lx  error %lx  backend %s\n",
          f->rip, f->rsp, f->rflags, f->cs, f->ss, f->error, pv_backend_name());
}

bool panic_is_on(void)
{
    return __atomic_load_n(&panicking, __ATOMIC_SEQ_CST);
}

/* One CPU panics. Another that wants to waits for the NMI that stops it. */
static void take_the_word(void)
{
    u32 by = 0;

    pv_irq_disable();
    if (__atomic_compare_exchange_n(&panicking, &by, pv_this_cpu() + 1, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
        return;
    while (by - 1 != pv_this_cpu())
        barrier();
    finish(VERDICT_FAIL, "panic: a second one while the first was printed");
}

static void panic_common(const struct trap_frame *frame, u64 rip, u64 rbp, const char *fmt,
                         va_list ap) __printf(4, 0) __noreturn;

/* The stack may be exhausted or a check of it may be what failed: from here on it is not checked.
 */
static void panic_common(const struct trap_frame *frame, u64 rip, u64 rbp, const char *fmt,
                         va_list ap)
{
    static char reason[PRINT_MAX / 2];

    pv_this_area()->stack_limit = 0;
    take_the_word();
    smp_stop_others();
    kvsnprintf(reason, sizeof(reason), fmt, ap);
    print("\nparavane: PANIC: %s\n", reason);
    if (smp_online_count() > 1 || this_thread() != &boot_thread)
        print("CPU %u, thread %s:\n", pv_this_cpu(), this_thread()->name);
    if (frame)
        print_registers(frame);
    backtrace_print(rip, rbp);
    smp_print_stopped();
    finish(VERDICT_FAIL, "panic: %s", reason);
}

void panic(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    panic_common(NULL, (u64)__builtin_return_address(0), *(u64 *)__builtin_frame_address(0), fmt,
                 ap);
}

void panic_frame(const struct trap_frame *frame, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    panic_common(frame, frame->rip, frame->rbp, fmt, ap);
}
