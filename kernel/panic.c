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

#define REGISTER(name, field) \
    { \
        name, offsetof(struct trap_frame, field) / sizeof(u64) \
    }

static void print_registers(const struct trap_frame *f)
{
    static const struct {
        char name[4];
        u8 at; /* in the frame */
    } regs[] = {REGISTER("rax", rax), REGISTER("rbx", rbx), REGISTER("rcx", rcx),
                REGISTER("rdx", rdx), REGISTER("rsi", rsi), REGISTER("rdi", rdi),
                REGISTER("rbp", rbp), REGISTER("rsp", rsp), REGISTER("r8 ", r8),
                REGISTER("r9 ", r9),  REGISTER("r10", r10), REGISTER("r11", r11),
                REGISTER("r12", r12), REGISTER("r13", r13), REGISTER("r14", r14),
                REGISTER("r15", r15), REGISTER("rip", rip), REGISTER("efl", rflags)};

    for (u32 i = 0; i < ARRAY_SIZE(regs); i++)
        print("%s %s %016lx", i % 3 ? "" : "\n ", regs[i].name, ((const u64 *)f)[regs[i].at]);
    print("\n  cs %04lx ss %04lx error %lx backend %s\n", f->cs, f->ss, f->error,
          pv_backend_name());
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
