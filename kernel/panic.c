/* See kernel/panic.h. */
#include "kernel/panic.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/kernel.h"
#include "kernel/smp.h"
#include "kernel/symtab.h"
#include "kernel/thread.h"
#include "lib/format.h"
#include "mm/space.h"
#include "pv/pv.h"

#define BACKTRACE_MAX 24 /* lines */

extern const char _data_start[], _image_end[];

static bool panicking; /* some CPU does. Atomic: set once, never cleared */

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
    pv_shutdown(PV_POWEROFF, (u8)verdict);
    pv_halt();
    __builtin_unreachable();
}

/*
 * Backtraces by frame pointers: [rbp] is the caller's rbp, [rbp + 8] the return address. Nothing is
 * dereferenced that is not mapped in the kernel's half of the address space, and the chain must
 * ascend.
 */
/* Before mm/ has made tables of its own, only the image is known to be there. */
static bool readable_frame(u64 rbp)
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

/* A return address may be the first byte of the next function, so the byte before it is looked up.
 */
void backtrace_print(u64 rip, u64 rbp)
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
        if (!readable_frame(rbp) || !frame[1])
            break;
        last = rip;
        rip = frame[1] - 1;
        rbp = frame[0] > rbp ? frame[0] : 0;
    }
    print_repeats(repeats);
}

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

void stack_overflow(const struct trap_frame *frame)
{
    panic_frame(frame, "stack overflow in thread %s: too little is left at the entry of a function",
                this_thread()->name);
}
