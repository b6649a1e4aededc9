/* SPDX-License-Identifier: MIT */
/*
 * Registers: each op does what its instruction does, or returns what it refused. Where an op and
 * the instruction can both be used, the test compares them.
 */
#include "kernel/trap.h"
#include "lib/string.h"
#include "pv/pv.h"
#include "pv/x86.h"
#include "test/harness/mm_util.h"
#include "test/harness/rtc.h"
#include "test/harness/sandbox.h"
#include "test/harness/test.h"

#define NO_SUCH_MSR     0xdeadbeef
#define RESERVED_CR_BIT (1ull << 62)

TEST(cpu, cpuid_reports_vendor_and_leaves, cpuid)
{
    struct cpuid_regs r = {1, 2, 3, 4}, again = {0};
    char vendor[13] = "";

    pv_cpuid(0, 0, &r);
    memcpy(vendor, &r.ebx, 4);
    memcpy(vendor + 4, &r.edx, 4);
    memcpy(vendor + 8, &r.ecx, 4);
    print("# CPU vendor \"%s\", highest leaf %#x\n", vendor, r.eax);
    EXPECT(r.eax >= 1 && r.eax < 0x1000);
    for (int i = 0; i < 12; i++)
        EXPECT(vendor[i] > ' ' && vendor[i] < 0x7f);
    pv_cpuid(0x80000001, 0, &r);
    EXPECT(r.edx >> 29 & 1); /* long mode, in which this code runs */
    pv_cpuid(0x80000001, 0, &again);
    EXPECT_EQ(again.edx, r.edx);
}

/* Leaf 0xd describes XSAVE's area by subleaf: 0 lists its components, 2 describes AVX's. */
TEST(cpu, cpuid_distinguishes_leaves_and_subleaves, cpuid)
{
    const u32 x87_and_sse = 3, avx = 4;
    struct cpuid_regs first, features, none, parts, part;

    pv_cpuid(0, 0, &first);
    pv_cpuid(1, 0, &features);
    EXPECT(memcmp(&first, &features, sizeof(first)));
    pv_cpuid(0xd, 0, &parts);
    pv_cpuid(0xd, 62, &none);
    if (first.eax < 0xd || !(parts.eax & avx))
        SKIP("this CPU has no AVX, whose subleaf of CPUID leaf 0xd is compared");
    EXPECT_EQ(parts.eax & x87_and_sse, x87_and_sse);
    EXPECT_EQ(none.eax | none.ebx, 0);
    pv_cpuid(0xd, 2, &part);
    EXPECT_EQ(part.eax, 256);
    EXPECT(part.ebx >= 576);
}

/* Every reported feature that can be tried without preparation works. */
TEST(cpu, reported_features_work, cpu_features, write_cr4, read_cr4)
{
    struct pv_features f;
    struct fault fault = {0};
    u64 old = pv_read_cr4(), word = 0;

    memset(&f, 0x5a, sizeof(f));
    pv_cpu_features(&f);
    INTERRUPTS_OFF
    {
        if (f.fsgsbase) {
            EXPECT_EQ(pv_write_cr4(old | CR4_FSGSBASE), 0);
            PV_TRY(fault)
            __asm__ volatile("rdfsbase %0" : "=r"(word));
            EXPECT(!fault.caught);
        }
        if (f.pge)
            EXPECT_EQ(pv_write_cr4(old | CR4_PGE), 0);
        if (f.umip)
            EXPECT_EQ(pv_write_cr4(old | CR4_UMIP), 0);
        if (f.rdrand) {
            PV_TRY(fault)
            __asm__ volatile("rdrand %0" : "=r"(word) : : "cc");
            EXPECT(!fault.caught);
        }
        EXPECT_EQ(pv_write_cr4(old), 0);
        EXPECT_EQ(pv_read_cr4(), old);
    }
}

TEST(cpu, cr0_takes_ts_and_refuses_a_reserved_bit, read_cr0, write_cr0)
{
    const u64 old = pv_read_cr0();

    EXPECT(old & 1); /* protection enabled */
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_write_cr0(old | CR0_TS), 0);
        EXPECT_EQ(pv_read_cr0(), old | CR0_TS);
        EXPECT_EQ(pv_write_cr0(old & ~CR0_TS), 0);
        EXPECT_EQ(pv_read_cr0(), old & ~CR0_TS);
        EXPECT_EQ(pv_write_cr0((old & ~CR0_TS) | RESERVED_CR_BIT), RESERVED_CR_BIT);
        EXPECT_EQ(pv_read_cr0(), old & ~CR0_TS);
        pv_write_cr0(old);
    }
}

TEST(cpu, cr4_takes_de_and_refuses_a_reserved_bit, read_cr4, write_cr4)
{
    const u64 old = pv_read_cr4();

    EXPECT(old & CR4_PAE);
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_write_cr4(old | CR4_DE), 0);
        EXPECT_EQ(pv_read_cr4(), old | CR4_DE);
        EXPECT_EQ(pv_write_cr4(old & ~CR4_DE), 0);
        EXPECT_EQ(pv_read_cr4(), old & ~CR4_DE);
        EXPECT_EQ(pv_write_cr4((old & ~CR4_DE) | RESERVED_CR_BIT), RESERVED_CR_BIT);
        EXPECT_EQ(pv_read_cr4(), old & ~CR4_DE);
        pv_write_cr4(old);
        EXPECT_EQ(pv_read_cr4(), old);
    }
}

/* write_cr4 returns the bits that the platform refuses; it does not drop them. */
TEST(cpu, refused_cr4_bits_are_reported, write_cr4, cpu_features)
{
    const u64 old = pv_read_cr4();
    struct pv_features f;
    u64 refused;

    pv_cpu_features(&f);
    if (f.smep)
        SKIP("this CPU has SMEP, the bit whose refusal is tested");
    INTERRUPTS_OFF
    refused = pv_write_cr4(old | CR4_SMEP); /* if this hangs, the op wrote without a check */
    EXPECT_EQ(refused, CR4_SMEP);
    EXPECT_EQ(pv_read_cr4(), old);
}

TEST(cpu, cr2_holds_what_was_written_and_what_faulted, read_cr2, write_cr2)
{
    struct fault fault;

    INTERRUPTS_OFF
    {
        pv_write_cr2(0x123456789000);
        EXPECT_EQ(pv_read_cr2(), 0x123456789000);
        PV_TRY(fault)
        *(volatile u8 *)0xffffff7fdead0123 = 1;
        EXPECT(fault.caught);
        EXPECT_EQ(pv_read_cr2(), 0xffffff7fdead0123);
    }
}

static volatile u32 debug_hits;
static volatile u64 debug_dr6, debug_rip;

/* A breakpoint on execution traps before its instruction: set RF to let it execute. */
static bool count_debug(struct trap_frame *frame)
{
    debug_hits++;
    debug_dr6 = pv_get_debugreg(6);
    debug_rip = frame->rip;
    frame->rflags |= RFLAGS_RF;
    pv_set_debugreg(6, DR6_FIXED);
    return true;
}

static void set_breakpoint(u32 number, u64 address, u64 dr7)
{
    debug_hits = 0;
    debug_hook = count_debug;
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_set_debugreg(6, DR6_FIXED), 0);
        EXPECT_EQ(pv_set_debugreg(number, address), 0);
        EXPECT_EQ(pv_set_debugreg(7, dr7), 0);
    }
}

static void clear_breakpoint(u32 number)
{
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_set_debugreg(7, DR7_FIXED), 0);
        EXPECT_EQ(pv_set_debugreg(number, 0), 0);
    }
    debug_hook = NULL;
}

static volatile u64 watched __aligned(8);

TEST(cpu, data_breakpoint_traps_each_write, get_debugreg, set_debugreg)
{
    for (u32 n = 0; n < 4; n++) {
        set_breakpoint(n, (u64)&watched, DR7_ENABLE(n) | DR7_WRITE_8(n));
        EXPECT_EQ(pv_get_debugreg(n), (u64)&watched);
        EXPECT_EQ(pv_get_debugreg(7) & 0xffff00ff, (DR7_ENABLE(n) | DR7_WRITE_8(n)) & 0xffff00ff);
        watched = 1;
        EXPECT_EQ(debug_hits, 1);
        EXPECT_EQ(debug_dr6 & 0xf, 1u << n);
        watched = 2;
        EXPECT_EQ(debug_hits, 2);
        clear_breakpoint(n);
        watched = 3;
        EXPECT_EQ(debug_hits, 2);
    }
}

static __attribute__((noinline)) u64 stepped_on(u64 x)
{
    barrier();
    return x + 1;
}

TEST(cpu, execution_continues_after_a_breakpoint_hits, set_debugreg)
{
    set_breakpoint(1, (u64)stepped_on, DR7_ENABLE(1) | DR7_EXECUTE(1));
    EXPECT_EQ(stepped_on(41), 42);
    EXPECT_EQ(debug_hits, 1);
    EXPECT_EQ(debug_rip, (u64)stepped_on);
    clear_breakpoint(1);
    EXPECT_EQ(stepped_on(1), 2);
    EXPECT_EQ(debug_hits, 1);
}

TEST(cpu, bad_debug_registers_are_refused, set_debugreg)
{
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_set_debugreg(8, 0), -EINVAL);
        EXPECT_EQ(pv_set_debugreg(4, 0), -EINVAL);
        EXPECT_EQ(pv_set_debugreg(0, NON_CANONICAL), -EINVAL);
        EXPECT_EQ(pv_set_debugreg(7, 1ull << 40), -EINVAL);
    }
}

TEST(cpu, missing_debug_registers_read_as_0, get_debugreg)
{
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_get_debugreg(4), 0);
        EXPECT_EQ(pv_get_debugreg(5), 0);
        EXPECT_EQ(pv_get_debugreg(8), 0);
        EXPECT_EQ(pv_get_debugreg(~0u), 0);
    }
}

/*
 * TF traps after each instruction: the three between the changes of the flags, and the one that
 * clears them.
 */
TEST(cpu, single_step_traps_each_instruction, trap_init)
{
    debug_hits = 0;
    debug_hook = count_debug;
    __asm__ volatile("pushfq\n\t"
                     "orq %0, (%%rsp)\n\t"
                     "popfq\n\t"
                     "nop\n\t"
                     "nop\n\t"
                     "pushfq\n\t"
                     "andq %1, (%%rsp)\n\t"
                     "popfq"
                     :
                     : "i"(RFLAGS_TF), "i"(~RFLAGS_TF)
                     : "memory", "cc");
    debug_hook = NULL;
    EXPECT_EQ(debug_hits, 5);
    EXPECT(debug_dr6 & DR6_SINGLE_STEP);
}

TEST(cpu, msrs_read_back_and_missing_ones_are_reported, read_msr, write_msr, read_msr_safe,
     write_msr_safe)
{
    u64 value = 0x55;

    EXPECT(pv_read_msr(MSR_EFER) & 1 << 10); /* long mode is active */
    INTERRUPTS_OFF
    pv_write_fs_base(0);
    pv_write_msr(MSR_FS_BASE, 0x7f0011223344);
    EXPECT_EQ(pv_read_msr(MSR_FS_BASE), 0x7f0011223344);
    EXPECT_EQ(pv_write_msr_safe(MSR_FS_BASE, 0x7f0055667788), 0);
    EXPECT_EQ(pv_read_msr_safe(MSR_FS_BASE, &value), 0);
    EXPECT_EQ(value, 0x7f0055667788);
    pv_write_msr(MSR_FS_BASE, 0);
}

/* The op fails if the instruction itself does; some emulators return 0 for every register. */
TEST(cpu, missing_msr_fails_as_the_instruction_does, read_msr_safe, write_msr_safe)
{
    struct fault fault;
    u64 value;

    PV_TRY(fault)
    __asm__ volatile("rdmsr" : : "c"(NO_SUCH_MSR) : "rax", "rdx");
    EXPECT_EQ(pv_read_msr_safe(NO_SUCH_MSR, &value), fault.caught ? -EIO : 0);
    PV_TRY(fault)
    __asm__ volatile("wrmsr" : : "c"(NO_SUCH_MSR), "a"(1), "d"(0));
    EXPECT_EQ(pv_write_msr_safe(NO_SUCH_MSR, 1), fault.caught ? -EIO : 0);
    if (!fault.caught)
        print("# this CPU takes writes to MSR %#x, which does not exist\n", NO_SUCH_MSR);
}

TEST(cpu, pmc_counts_or_is_absent, read_pmc)
{
    u64 before, after;
    int error = pv_read_pmc(0, &before);

    EXPECT(error == 0 || error == -ENODEV);
    if (error)
        SKIP("this CPU has no performance counters, and read_pmc reports that");
    EXPECT_EQ(pv_read_pmc(0, &after), 0);
    EXPECT_EQ(pv_read_pmc(1000, &after), -ENODEV);
}

TEST(cpu, stts_raises_nm_until_clts, stts, clts, read_cr0)
{
    struct fault fault;

    INTERRUPTS_OFF
    {
        pv_clts();
        EXPECT_EQ(pv_read_cr0() & CR0_TS, 0);
        PV_TRY(fault)
        __asm__ volatile("fnop");
        EXPECT(!fault.caught);
        pv_stts();
        EXPECT(pv_read_cr0() & CR0_TS);
        PV_TRY(fault)
        __asm__ volatile("fnop");
        EXPECT(fault.caught);
        EXPECT_EQ(fault.vector, VECTOR_NM);
        pv_stts(); /* again, because on Xen PV the trap has cleared it */
        pv_clts();
        PV_TRY(fault)
        __asm__ volatile("fnop");
        EXPECT(!fault.caught);
        EXPECT_EQ(pv_read_cr0() & CR0_TS, 0);
    }
}

/*
 * After #NM read_cr0 and the CPU agree on TS, whether the handler or the hypervisor has cleared it.
 */
TEST(cpu, cr0_agrees_with_the_cpu_after_nm, read_cr0, stts, clts)
{
    struct fault first, second;
    bool ts_reported;

    INTERRUPTS_OFF
    {
        pv_stts();
        PV_TRY(first)
        __asm__ volatile("fnop");
        ts_reported = pv_read_cr0() & CR0_TS;
        PV_TRY(second)
        __asm__ volatile("fnop");
        EXPECT(first.caught);
        EXPECT_EQ(second.caught, ts_reported);
        pv_clts();
    }
}

/*
 * A guest cannot observe the effect on caches; it can observe that the op returns and that memory
 * keeps its contents.
 */
TEST(cpu, wbinvd_keeps_memory, wbinvd)
{
    watched = 0x0123456789abcdef;
    pv_wbinvd();
    EXPECT_EQ(watched, 0x0123456789abcdef);
}

enum {
    CMOS_FREE_BYTE = 0x45, /* battery-backed RAM without a standard meaning */
};

static u32 cmos_read(void)
{
    u32 value = 0;

    EXPECT_EQ(pv_port_out(CMOS_INDEX, 1, CMOS_FREE_BYTE), 0);
    EXPECT_EQ(pv_port_in(CMOS_DATA, 1, &value), 0);
    return value;
}

TEST(cpu, ports_reach_the_cmos, port_in, port_out, io_delay)
{
    const u32 old = cmos_read();
    u32 value;

    if (!rtc_exists())
        SKIP("this machine has no CMOS");
    for (u32 i = 0; i < 2; i++) {
        const u32 pattern = i ? 0x5a : 0xa5;

        pv_port_out(CMOS_INDEX, 1, CMOS_FREE_BYTE);
        pv_io_delay();
        pv_port_out(CMOS_DATA, 1, pattern);
        EXPECT_EQ(cmos_read(), pattern);
    }
    pv_port_out(CMOS_INDEX, 1, CMOS_FREE_BYTE);
    pv_port_out(CMOS_DATA, 1, old);
    EXPECT_EQ(pv_port_in(CMOS_DATA, 3, &value), -EINVAL);
    EXPECT_EQ(value, ~0u);
    EXPECT_EQ(pv_port_out(CMOS_DATA, 8, 0), -EINVAL);
}

TEST(cpu, fs_base_moves_and_refuses_what_is_not_canonical, read_fs_base, write_fs_base)
{
    u64 seen;

    watched = 0xfeedface;
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_write_fs_base((u64)&watched - 8), 0);
        EXPECT_EQ(pv_read_fs_base(), (u64)&watched - 8);
        __asm__ volatile("movq %%fs:8, %0" : "=r"(seen));
        EXPECT_EQ(seen, 0xfeedface);
        EXPECT_EQ(pv_write_fs_base(NON_CANONICAL), -EINVAL);
        EXPECT_EQ(pv_read_fs_base(), (u64)&watched - 8);
        EXPECT_EQ(pv_write_fs_base(0), 0);
        EXPECT_EQ(pv_read_fs_base(), 0);
    }
}

TEST(cpu, user_gs_base_is_separate, read_user_gs_base, write_user_gs_base)
{
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_write_user_gs_base(0x7fff12345000), 0);
        EXPECT_EQ(pv_read_user_gs_base(), 0x7fff12345000);
        EXPECT_EQ(pv_write_user_gs_base(NON_CANONICAL), -EINVAL);
        EXPECT_EQ(pv_read_user_gs_base(), 0x7fff12345000);
        EXPECT_EQ(pv_write_user_gs_base(0), 0);
        EXPECT_EQ(pv_read_user_gs_base(), 0);
    }
}

/*
 * read_msr and write_msr are for registers that must exist: without the register the run ends in a
 * panic that names the op.
 */
TEST(cpu, plain_access_to_a_missing_msr_names_the_op, read_msr, write_msr)
{
    u64 value;

    if (pv_read_msr_safe(NO_SUCH_MSR, &value) == 0)
        SKIP("this CPU implements every MSR number, so none is missing");
    PANICS("read_msr")
    pv_read_msr(NO_SUCH_MSR);
    EXPECT(glob_match("*0xdeadbeef*", caught_panic));
    PANICS("write_msr")
    pv_write_msr(NO_SUCH_MSR, 1);
    EXPECT(glob_match("*0xdeadbeef*", caught_panic));
}
