/* See kernel/panic.h. */
#include "kernel/panic.h"
#include "kernel/console.h"
#include "kernel/smp.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "kernel/verdict.h"
#include "lib/format.h"
#include "pv/pv.h"

static bool panicking; /* some CPU does. Atomic: set once, never cleared */

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
    return READ_ONCE(panicking);
}

/*
 * The stack may be exhausted or a check of it may be what failed: from here on it is not checked.
 * Of two CPUs that panic the second one waits for the NMI that stops it.
 */
void panic_frame(const struct trap_frame *frame, const char *fmt, ...)
{
    /* Written: by the CPU that has stopped all others. Static, because the stack may be exhausted.
     */
    static char reason[PRINT_MAX / 2];
    va_list ap;

    pv_this_area()->stack_limit = 0;
    if (panic_is_on() && smp_is_alone())
        finish(VERDICT_FAIL, "panic: a second one while the first was printed");
    WRITE_ONCE(panicking, true);
    smp_stop_others();
    va_start(ap, fmt);
    kvsnprintf(reason, sizeof(reason), fmt, ap);
    print("\nparavane: PANIC: %s\n", reason);
    if (smp_online_count() > 1 || this_thread() != &boot_thread)
        print("CPU %u, thread %s:\n", pv_this_cpu(), this_thread()->name);
    if (frame) {
        print_registers(frame);
        backtrace_print(frame->rip, frame->rbp);
    } else {
        backtrace_print((u64)__builtin_return_address(0) - 1, *(u64 *)__builtin_frame_address(0));
    }
    smp_print_stopped();
    finish(VERDICT_FAIL, "panic: %s", reason);
}
