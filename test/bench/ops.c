/* SPDX-License-Identifier: MIT */
/*
 * Cost of each op, the group "op" of the payload "bench" (test/bench/bench.h): setup, registers,
 * descriptors and user mode. Every such op is here, measured or with the reason why it cannot be
 * called repeatedly; each call leaves the state unchanged, or as the next call needs it.
 */
#include "kernel/cpu.h"
#include "kernel/kernel.h"
#include "kernel/trap.h"
#include "pv/pv.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/bench/bench.h"

#define TEST_ENTRY (GDT_TLS + 4)
#define POST_PORT  0x80 /* the display of the power-on self-test, unused on every PC */

static u32 port_value;
static u64 value;
static struct cpuid_regs regs;
static struct pv_features features;
static const u64 no_tls[3];

/* Setup. */
BENCH_NOT(early_init, "once a boot");
BENCH_CALL(op, trap_init, pv_trap_init())
BENCH_NOT(memory_map, "once a boot");
BENCH_NOT(platform_init, "once a boot");
BENCH_NOT(banner, "words for people, once a boot");
BENCH_CALL(op, console_write, pv_console_write("", 0))
BENCH_CALL(op, console_read, pv_console_read())
BENCH_NOT(shutdown, "ends the run");

/* Registers. */
BENCH_CALL(op, cpuid, pv_cpuid(0, 0, &regs))
BENCH_CALL(op, cpu_features, pv_cpu_features(&features))
BENCH_CALL(op, read_cr0, pv_read_cr0())
BENCH_CALL(op, read_cr4, pv_read_cr4())

static u64 cr0, cr4;
BENCH_LOOP(write_cr0_loop)
{
    for (; count; count--)
        pv_write_cr0(cr0);
}
BENCH(op, write_cr0, "ticks")
{
    cr0 = pv_read_cr0();
    return bench_per_call(write_cr0_loop);
}

BENCH_LOOP(write_cr4_loop)
{
    for (; count; count--)
        pv_write_cr4(cr4);
}
BENCH(op, write_cr4, "ticks")
{
    cr4 = pv_read_cr4();
    return bench_per_call(write_cr4_loop);
}

BENCH_CALL(op, read_cr2, pv_read_cr2())
BENCH_CALL(op, write_cr2, pv_write_cr2(0))
BENCH_CALL(op, get_debugreg, pv_get_debugreg(0))
BENCH_CALL(op, set_debugreg, pv_set_debugreg(0, 0))
BENCH_CALL(op, read_msr, pv_read_msr(MSR_FS_BASE))
BENCH_CALL(op, write_msr, pv_write_msr(MSR_FS_BASE, 0))
BENCH_CALL(op, read_msr_safe, pv_read_msr_safe(MSR_FS_BASE, &value))
BENCH_CALL(op, write_msr_safe, pv_write_msr_safe(MSR_FS_BASE, 0))
BENCH_CALL(op, read_tsc, pv_read_tsc())
BENCH_CALL(op, read_pmc, pv_read_pmc(0, &value))
BENCH_CALL(op, stts, pv_stts())
BENCH_CALL(op, clts, pv_clts())
BENCH_NOT(halt, "ends the run");
BENCH_CALL(op, wbinvd, pv_wbinvd())
BENCH_CALL(op, port_in, pv_port_in(POST_PORT, 1, &port_value))
BENCH_CALL(op, port_out, pv_port_out(POST_PORT, 1, 0))
BENCH_CALL(op, io_delay, pv_io_delay())

/* Descriptors, segment bases, entry and exit. */
static u64 ldt[GDT_MIN_COUNT] __aligned(PAGE_SIZE);

BENCH_CALL(op, load_gdt, pv_load_gdt(cpu_gdt, GDT_MAX_COUNT))
BENCH_CALL(op, write_gdt_entry, pv_write_gdt_entry(cpu_gdt, TEST_ENTRY, 0))
BENCH_CALL(op, load_ldt, pv_load_ldt(NULL, 0))
BENCH_CALL(op, write_ldt_entry, pv_write_ldt_entry(ldt, 0, 0))
BENCH_CALL(op, load_tls, pv_load_tls(no_tls))
BENCH_CALL(op, load_tr, pv_load_tr())
BENCH_CALL(op, store_tr, pv_store_tr())
BENCH_CALL(op, load_idt, pv_load_idt())
BENCH_CALL(op, write_idt_entry, pv_write_idt_entry(3, 3))
BENCH_CALL(op, read_fs_base, pv_read_fs_base())
BENCH_CALL(op, write_fs_base, pv_write_fs_base(0))
BENCH_CALL(op, read_user_gs_base, pv_read_user_gs_base())
BENCH_CALL(op, write_user_gs_base, pv_write_user_gs_base(0))

static u64 kernel_gs;
BENCH_LOOP(write_kernel_gs_base_loop)
{
    for (; count; count--)
        pv_write_kernel_gs_base(kernel_gs);
}
BENCH(op, write_kernel_gs_base, "ticks")
{
    if (pv_read_msr_safe(MSR_GS_BASE, &kernel_gs))
        return bench_none("the CPU cannot report the base");
    return bench_per_call(write_kernel_gs_base_loop);
}

BENCH_CALL(op, load_gs_index, pv_load_gs_index(0))
BENCH_CALL(op, load_sp0, pv_load_sp0(ALIGN_DOWN((u64)__builtin_frame_address(0), 16ul)))
BENCH_CALL(op, set_iopl, pv_set_iopl(0))
BENCH_CALL(op, set_io_bitmap, pv_set_io_bitmap(NULL, 0))
BENCH_CALL(op, syscall_init, pv_syscall_init())

void bench_iret(struct trap_frame *frame);
void bench_iret(struct trap_frame *frame)
{
    pv_iret(frame);
}

/*
 * Execute iret to the next instruction: every register comes from the frame, and the stack is this
 * function's.
 */
BENCH_LOOP(iret_loop)
{
    static struct trap_frame frame = {.rflags = RFLAGS_FIXED};

    frame.cs = pv_kernel_cs();
    frame.ss = pv_kernel_ss();
    for (; count; count--) {
        struct trap_frame *to = &frame;

        __asm__ volatile("movq %%rsp, %c[rsp](%0)\n\t"
                         "movq %%rbp, %c[rbp](%0)\n\t"
                         "leaq 1f(%%rip), %%rax\n\t"
                         "movq %%rax, %c[rip](%0)\n\t"
                         "call bench_iret\n"
                         "1:"
                         : "+D"(to)
                         : [rsp] "i"(offsetof(struct trap_frame, rsp)),
                           [rbp] "i"(offsetof(struct trap_frame, rbp)),
                           [rip] "i"(offsetof(struct trap_frame, rip))
                         : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12",
                           "r13", "r14", "r15", "memory", "cc");
    }
}
BENCH(op, iret, "ticks")
{
    return bench_per_call(iret_loop);
}

BENCH_NOT(sysret, "leads to user mode only: user.syscall_by_sysret");

/* Measure a pair, because between the two calls %gs is not the kernel's. */
BENCH_LOOP(swapgs_loop)
{
    for (; count; count--) {
        pv_swapgs();
        pv_swapgs();
    }
}
BENCH(op, swapgs, "ticks")
{
    return (bench_per_call(swapgs_loop) + 1) / 2;
}

/* Whole operations. */
static void survive_exception(void)
{
    struct fault fault;

    PV_TRY(fault)
    __asm__ volatile("ud2");
}
BENCH_CALL(trap, exception_and_back, survive_exception())
