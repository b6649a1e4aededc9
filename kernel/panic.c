/* SPDX-License-Identifier: MIT */
/* The end of a run: verdicts, panics and their backtraces (kernel/panic.h). */
#include "kernel/panic.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/kernel.h"
#include "kernel/smp.h"
#include "kernel/symtab.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "lib/format.h"
#include "mm/space.h"
#include "pv/pv.h"

#define BACKTRACE_MAX 24 /* lines */

extern const char _data_start[], _image_end[];

static bool panicking; /* a CPU panics. Atomic: set once, never cleared */

static bool is_failure(enum verdict verdict)
{
    return verdict == VERDICT_FAIL || verdict == VERDICT_ERROR;
}

static void __noreturn end_machine(enum verdict verdict)
{
    pv_shutdown(is_failure(verdict) ? PV_CRASH : PV_POWEROFF, (u8)verdict);
    pv_halt();
    __builtin_unreachable();
}

void finish(enum verdict verdict, const char *fmt, ...)
{
    static const char names[][6] = {"PASS", "FAIL", "SKIP", "ERROR"};
    char reason[PRINT_MAX / 2];
    va_list ap;

    irq_report_nmis();
    va_start(ap, fmt);
    smp_stop_others();
    kvsnprintf(reason, sizeof(reason), fmt, ap);
    va_end(ap);
    print("# tsc %llu ticks from entry to verdict\n",
          (unsigned long long)(pv_read_tsc() - boot_entry_tsc));
    print("paravane: verdict %s%s%s\n", names[verdict], reason[0] ? ": " : "", reason);
    end_machine(verdict);
}

/* ---- Backtraces */

/*
 * A stack frame is two words: [rbp] is the caller's rbp, [rbp + 8] the return address. Return
 * whether those at rbp can be read. Before mm/ has built page tables of its own, only the image is
 * sure to be mapped.
 */
static bool is_readable_frame(u64 rbp)
{
    struct mm_mapping m;

    if (rbp % 16)
        return false;
    if (!mm_kernel.live)
        return rbp >= (u64)_data_start && rbp <= (u64)_image_end - 16;
    return rbp >= DIRECT_MAP_BASE && mm_query(&mm_kernel, rbp, &m);
}

static void print_address(int depth, u64 addr)
{
    char name[SYMTAB_NAME_MAX];
    u64 offset;

    if (symtab_lookup(&kernel_symtab, addr, name, &offset))
        print("  #%d %s+0x%lx\n", depth, name, offset);
    else
        print("  #%d %016lx\n", depth, addr);
}

static void print_repeats(u32 repeats)
{
    if (repeats)
        print("  ... the same, %u more times\n", repeats);
}

/*
 * Return the return address of the interrupted function if it has no stack frame, else 0. A
 * program's function gets its frame where it first uses the stack, and one that calls nothing may
 * have none: then no push %rbp is before rip, rbp is still the caller's, and the return address is
 * the last word of the stack.
 */
static u64 caller_of_frameless(const struct trap_frame *frame)
{
    enum { PUSH_RBP = 0x55 };
    char name[SYMTAB_NAME_MAX];
    u64 offset, caller;

    if (!is_readable_frame(frame->rsp & ~15ull) ||
        !symtab_lookup(&kernel_symtab, frame->rip, name, &offset))
        return 0;
    for (u64 at = frame->rip - offset; at < frame->rip; at++)
        if (*(const u8 *)at == PUSH_RBP)
            return 0;
    caller = *(const u64 *)frame->rsp;
    return symtab_lookup(&kernel_symtab, caller, name, &offset) ? caller : 0;
}

/*
 * caller: where the function at rip returns to, if it has no frame, else 0. A return address may be
 * the first byte of the next function (after a call that does not return), so look up the byte
 * before it. The chain must ascend, or it could be a loop.
 */
static void print_chain(u64 rip, u64 caller, u64 rbp)
{
    u64 last = ~rip;
    u32 repeats = 0;

    for (int lines = 0, depth = 0; lines < BACKTRACE_MAX; depth++) {
        const u64 *frame = (const u64 *)rbp;

        if (rip == last) {
            repeats++;
        } else {
            print_repeats(repeats);
            repeats = 0;
            print_address(depth, rip);
            lines++;
        }
        last = rip;
        if (caller) {
            rip = caller - 1;
            caller = 0;
            continue;
        }
        if (!is_readable_frame(rbp) || !frame[1])
            break;
        rip = frame[1] - 1;
        rbp = frame[0] > rbp ? frame[0] : 0;
    }
    print_repeats(repeats);
}

void backtrace_print(u64 rip, u64 rbp)
{
    print_chain(rip, 0, rbp);
}

static void print_interrupted(const struct trap_frame *frame)
{
    print_chain(frame->rip, caller_of_frameless(frame), frame->rbp);
}

/* ---- Panics */

static void print_registers(const struct trap_frame *f)
{
    print("  r15 %016lx  r14 %016lx  r13 %016lx\n"
          "  r12 %016lx  rbp %016lx  rbx %016lx\n"
          "  r11 %016lx  r10 %016lx  r9  %016lx\n",
          f->r15, f->r14, f->r13, f->r12, f->rbp, f->rbx, f->r11, f->r10, f->r9);
    print("  r8  %016lx  rax %016lx  rcx %016lx\n"
          "  rdx %016lx  rsi %016lx  rdi %016lx\n",
          f->r8, f->rax, f->rcx, f->rdx, f->rsi, f->rdi);
    print("  rip %016lx  rsp %016lx  efl %016lx\n"
          "  cs %04lx  ss %04lx  error %lx  backend %s\n",
          f->rip, f->rsp, f->rflags, f->cs, f->ss, f->error, pv_backend_name());
}

static void print_stopped_cpus(void)
{
    for_each_online_cpu (c) {
        if (c == this_cpu())
            continue;
        if (!c->stopped) {
            print("CPU %u does not answer to an NMI\n", c->area.number);
            continue;
        }
        print("CPU %u, thread %s:\n", c->area.number, c->thread->name);
        print_interrupted(&c->stopped_frame);
    }
}

bool panic_is_on(void)
{
    return READ_ONCE(panicking);
}

/* Why the kernel panics. Static, because the stack may be exhausted. Written: by the stopper. */
static char panic_reason[PRINT_MAX / 2];

/*
 * A panic of the CPU that reports one. Whatever failed may fail again, so this only adds its reason
 * to the verdict, and a third panic ends the machine without a word.
 */
static void __noreturn __printf(1, 0) panic_again(const char *fmt, va_list ap)
{
    static char reason[PRINT_MAX / 4]; /* Written: by the stopper */
    static bool again;                 /* Written: by the stopper */

    if (!again) {
        again = true;
        console_seize();
        kvsnprintf(reason, sizeof(reason), fmt, ap);
        print("paravane: verdict FAIL: panic: %s; then: %s\n", panic_reason, reason);
    }
    end_machine(VERDICT_FAIL);
}

/*
 * The reason for the panic may be a stack overflow, or a wrong stack_limit: disable the check. If
 * two CPUs panic at once, the stopper stops the other.
 */
void panic_frame(const struct trap_frame *frame, const char *fmt, ...)
{
    va_list ap;

    pv_this_area()->stack_limit = 0;
    va_start(ap, fmt);
    if (panic_is_on() && smp_is_stopper())
        panic_again(fmt, ap);
    WRITE_ONCE(panicking, true);
    smp_become_stopper();
    kvsnprintf(panic_reason, sizeof(panic_reason), fmt, ap);
    va_end(ap);
    smp_stop_others();
    print("\nparavane: PANIC: %s\n", panic_reason);
    if (smp_online_count() > 1 || this_thread() != &boot_thread)
        print("CPU %u, thread %s:\n", pv_this_cpu(), this_thread()->name);
    if (frame) {
        print_registers(frame);
        print_interrupted(frame);
    } else {
        backtrace_print((u64)__builtin_return_address(0) - 1, *(u64 *)__builtin_frame_address(0));
    }
    print_stopped_cpus();
    finish(VERDICT_FAIL, "panic: %s", panic_reason);
}

void stack_overflow(const struct trap_frame *frame)
{
    const bool open = pv_save_fl() & PV_FLAG_IF;

    if (program_traps)
        program_traps->stack_overflow(frame);
    panic_frame(frame, "stack overflow in thread %s: too little of the stack is left%s",
                this_thread()->name, open ? ", and interrupts are enabled" : "");
}
