/* SPDX-License-Identifier: MIT */
/*
 * User mode: system calls and exceptions bring every register to the kernel and back, and nothing
 * that user mode or its frame contains harms the kernel. The code in ring 3 is
 * test/harness/user_code.S. What user mode may reach: user_reach.c; what interrupts it: user_irq.c.
 */
#include "kernel/trap.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/harness/sandbox.h"
#include "test/harness/test.h"

TEST(user, syscall_passes_every_register, iret, syscall_init, load_sp0)
{
    struct trap_frame to;

    IN_SANDBOX;
    sandbox_prepare(user_code_syscall);
    for (u32 i = 0; i < 15; i++)
        sandbox.words[i] = 0x1000100010001000ull * (i + 1) + i;
    to = sandbox.frame;
    sandbox_run(USER_BY_IRET);
    EXPECT_EQ(sandbox.frame.vector, VECTOR_SYSCALL);
    EXPECT_EQ(sandbox.exit.stack % 16, 0);
    EXPECT_EQ(sandbox.frame.rip, to.rip + 2);
    EXPECT_EQ(sandbox.frame.rsp, to.rsp);
    EXPECT_EQ(sandbox.frame.cs, USER_CS);
    EXPECT_EQ(sandbox.frame.ss, USER_DS);
    EXPECT_EQ(sandbox.frame.rflags & RFLAGS_IF, RFLAGS_IF);
    to.rcx = sandbox.frame.rcx;
    to.r11 = sandbox.frame.r11;
    for (u32 i = 0; i < 15; i++)
        EXPECT_EQ(sandbox.words[i], ((union sandbox_regs){.frame = to}).words[i]);
    sandbox_leave();
}

/*
 * iret loads rcx and r11 from the frame; sysret replaces them by rip and rflags. The frame may be
 * one of an exception, with any error code in it: Xen's iret has flags in its place, among them the
 * one that makes it return by sysret (VGCF_in_syscall, bit 8).
 */
TEST(user, iret_keeps_rcx_and_r11_and_sysret_replaces_them, iret, sysret)
{
    IN_SANDBOX;
    sandbox_prepare(user_code_syscall_arrival);
    sandbox.frame.error = 1 << 8;
    sandbox.frame.rcx = 0x1111222233334444;
    sandbox.frame.r11 = 0x5555666677778888;
    sandbox_run(USER_BY_IRET);
    EXPECT_EQ(sandbox.frame.vector, VECTOR_SYSCALL);
    EXPECT_EQ(sandbox.frame.r8, 0x1111222233334444);
    EXPECT_EQ(sandbox.frame.r9, 0x5555666677778888);

    sandbox_prepare(user_code_syscall_arrival);
    sandbox.frame.rdi = 0x99;
    sandbox_run(USER_BY_SYSRET);
    EXPECT_EQ(sandbox.frame.vector, VECTOR_SYSCALL);
    EXPECT_EQ(sandbox.frame.rdi, 0x99);
    EXPECT_EQ(sandbox.frame.r8, sandbox_address(user_code_syscall_arrival));
    EXPECT_EQ(sandbox.frame.r9 & RFLAGS_IF, RFLAGS_IF);

    sandbox_prepare(user_code_undefined);
    sandbox_run(USER_BY_SYSRET);
    EXPECT_EQ(sandbox.frame.rcx, sandbox_address(user_code_undefined));
    EXPECT_EQ(sandbox.frame.r11 & RFLAGS_IF, RFLAGS_IF);
    EXPECT_EQ(sandbox.frame.cs, USER_CS);
    EXPECT_EQ(sandbox.frame.ss, USER_DS);
    sandbox_leave();
}

/*
 * A thousand calls by both ways back: each returns the sum of its arguments and leaves the kernel's
 * stack as it was.
 */
TEST(user, a_thousand_system_calls_return, sysret, iret, load_sp0)
{
    IN_SANDBOX;
    sandbox_prepare(user_code_add);
    for (u64 i = 0; i < 1000; i++) {
        sandbox.frame.rdi = i;
        sandbox.frame.rsi = 2 * i;
        sandbox_run(i % 2 ? USER_BY_SYSRET : USER_BY_IRET);
        if (!EXPECT_EQ(sandbox.frame.rax, 3 * i))
            break;
    }
    sandbox_leave();
}

TEST(user, exceptions_come_from_ring_3, trap_init, load_idt, load_sp0)
{
    IN_SANDBOX;
    RUN_PIECE(undefined, 0, 0, VECTOR_UD);
    EXPECT_EQ(sandbox.frame.rip, sandbox_address(user_code_undefined));
    RUN_PIECE(divide, 0, 0, VECTOR_DE);
    RUN_PIECE(breakpoint, 0, 0, VECTOR_BP);
    EXPECT_EQ(sandbox.frame.rip, sandbox_address(user_code_breakpoint) + 1);
    RUN_PIECE(halt, 0, 0, VECTOR_GP);
    EXPECT_EQ(sandbox.frame.error, 0);
    RUN_PIECE(read, 0x10, 0, VECTOR_PF);
    EXPECT_EQ(sandbox.frame.error & 7, 4); /* user, read, not present */
    EXPECT_EQ(sandbox.exit.fault_address, 0x10);
    RUN_PIECE(write, SANDBOX_CODE + 8, 0, VECTOR_PF);
    EXPECT_EQ(sandbox.frame.error & 7, 7); /* user, write, protected */
    EXPECT_EQ(sandbox.exit.fault_address, SANDBOX_CODE + 8);
    sandbox_leave();
}

TEST(user, segment_bases_are_kept_for_the_user, write_fs_base, write_user_gs_base, swapgs)
{
    IN_SANDBOX;
    SANDBOX_WORD(0) = 0xf5f5f5f5;
    SANDBOX_WORD(3) = 0x65656565;
    EXPECT_EQ(pv_write_fs_base(SANDBOX_DATA), 0);
    EXPECT_EQ(pv_write_user_gs_base(SANDBOX_DATA + 16), 0);
    RUN_PIECE(fs, 0, 0, VECTOR_SYSCALL);
    EXPECT_EQ(sandbox.frame.rax, 0xf5f5f5f5);
    RUN_PIECE(gs, 0, 0, VECTOR_SYSCALL);
    EXPECT_EQ(sandbox.frame.rax, 0x65656565);
    EXPECT_EQ(pv_read_user_gs_base(), SANDBOX_DATA + 16);
    EXPECT_EQ(pv_write_fs_base(0), 0);
    EXPECT_EQ(pv_write_user_gs_base(0), 0);
    sandbox_leave();
}

/* The kernel finds its own gs base after every kind of exit from user mode. */
TEST(user, kernel_gs_base_survives_every_way_back, write_kernel_gs_base, swapgs, iret, sysret)
{
    static const char *const pieces[] = {user_code_syscall, user_code_undefined,
                                         user_code_breakpoint, user_code_halt};
    const u64 area = (u64)pv_this_area();
    u64 seen;

    IN_SANDBOX;
    EXPECT_EQ(pv_write_kernel_gs_base(area), 0);
    EXPECT_EQ(pv_write_user_gs_base(SANDBOX_DATA), 0);
    for (u32 i = 0; i < 2 * ARRAY_SIZE(pieces); i++) {
        sandbox_prepare(pieces[i / 2]);
        sandbox_run(i % 2 ? USER_BY_SYSRET : USER_BY_IRET);
        __asm__ volatile("movq %%gs:%c1, %0" : "=r"(seen) : "i"(CPU_AREA(self)));
        EXPECT_EQ(seen, area);
    }
    EXPECT_EQ(pv_write_user_gs_base(0), 0);
    sandbox_leave();
}

/* Flags that user mode sets do not affect the kernel, and user mode finds them unchanged. */
TEST(user, hostile_flags_do_not_reach_the_kernel, syscall_init)
{
    const u64 hostile = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_NT | RFLAGS_DF | RFLAGS_AC | RFLAGS_CF;

    IN_SANDBOX;
    RUN_PIECE(flags, hostile, 0, VECTOR_SYSCALL);
    EXPECT_EQ(sandbox.frame.rflags & hostile, hostile);
    sandbox_run(USER_BY_IRET); /* it continues in the next piece, whose end does not matter */
    sandbox_leave();
}

/* With TF set the first instruction traps, also if a syscall is next to it. */
TEST(user, single_step_traps_in_user_mode, iret)
{
    IN_SANDBOX;
    sandbox_prepare(user_code_add);
    sandbox.frame.rflags |= RFLAGS_TF;
    sandbox_run(USER_BY_IRET);
    EXPECT_EQ(sandbox.frame.vector, VECTOR_DB);
    EXPECT_EQ(sandbox.frame.rip, sandbox_address(user_code_add) + 4);
    sandbox_run(USER_BY_IRET);
    print("# syscall with TF: back by vector %#llx at +%llu\n",
          (unsigned long long)sandbox.frame.vector,
          (unsigned long long)(sandbox.frame.rip - sandbox_address(user_code_add)));
    EXPECT(sandbox.frame.vector == VECTOR_SYSCALL || sandbox.frame.vector == VECTOR_DB);
    sandbox_leave();
}

/* In compatibility mode 32-bit code has syscall on AMD CPUs and sysenter on Intel's. */
TEST(user, compatibility_mode_calls_too, syscall_init, cpu_features)
{
    struct pv_features f;

    pv_cpu_features(&f);
    IN_SANDBOX;
    if (f.syscall32) {
        sandbox_prepare(user_code_syscall32);
        sandbox.frame.cs = USER_CS32;
        sandbox_run(USER_BY_IRET);
        EXPECT_EQ(sandbox.frame.vector, VECTOR_SYSCALL32);
        EXPECT_EQ((u32)sandbox.frame.rax, 0x32323232);
    } else {
        sandbox_prepare(user_code_sysenter);
        sandbox.frame.cs = USER_CS32;
        sandbox_run(USER_BY_IRET);
        EXPECT_EQ(sandbox.frame.vector, VECTOR_SYSENTER);
        EXPECT_EQ((u32)sandbox.frame.rax, 0x33333333);
    }
    sandbox_leave();
}

/*
 * A frame that cannot be loaded ends in an exception that user_run reports, and the next system
 * call works.
 */
TEST(user, impossible_frames_end_in_an_exception, iret, sysret)
{
    static const struct {
        const char *what;
        u64 rip, cs, ss;
        enum user_entry entry;
        bool in_kernel; /* on every platform the kernel's own iret raises the exception */
    } bad[] = {
        {"iret, ss is null", 0, USER_CS, 3, USER_BY_IRET, true},
        {"iret, ss is null, RPL 0", 0, USER_CS, 0, USER_BY_IRET, true},
        {"iret, 32-bit code, ss is null", 0, USER_CS32, 3, USER_BY_IRET, true},
        {"iret, rip not canonical", NON_CANONICAL, USER_CS, USER_DS, USER_BY_IRET, false},
        {"sysret, rip not canonical", NON_CANONICAL, USER_CS, USER_DS, USER_BY_SYSRET, false},
        {"iret, cs is data", 0, USER_DS, USER_DS, USER_BY_IRET, false},
        {"iret, cs is absent", 0, 0xfff3, USER_DS, USER_BY_IRET, false},
        {"iret, ss is absent", 0, USER_CS, 0xf00 * 8 + 3, USER_BY_IRET, false},
        {"iret, ss is code", 0, USER_CS, USER_CS, USER_BY_IRET, false},
    };

    IN_SANDBOX;
    for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
        sandbox_prepare(user_code_syscall);
        if (bad[i].rip)
            sandbox.frame.rip = bad[i].rip;
        sandbox.frame.cs = bad[i].cs;
        sandbox.frame.ss = bad[i].ss;
        sandbox_run(bad[i].entry);
        EXPECT(sandbox.frame.vector < 32);
        EXPECT(sandbox.exit.refused || !bad[i].in_kernel);
        print("# %s: %s, error %#llx, %s\n", bad[i].what, exception_name(sandbox.frame.vector),
              (unsigned long long)sandbox.frame.error,
              sandbox.exit.refused ? "reported as the kernel's iret"
                                   : "reported as the user's frame");
        RUN_PIECE(syscall, 0, 0, VECTOR_SYSCALL);
    }
    sandbox_leave();
}

/*
 * An invalid user stack affects only the user: a push to it faults in user mode, and entries into
 * the kernel do not use it.
 */
TEST(user, bad_user_stacks_affect_only_the_user, load_sp0, syscall_init, iret, sysret)
{
    static const u64 stacks[] = {0x1008, NON_CANONICAL, 0, ~0ull, 0xffffffff80100000};

    IN_SANDBOX;
    for (u32 i = 0; i < 2 * ARRAY_SIZE(stacks); i++) {
        const u64 sp = stacks[i / 2];

        sandbox_prepare(user_code_syscall);
        sandbox.frame.rsp = sp;
        sandbox_run(i % 2 ? USER_BY_SYSRET : USER_BY_IRET);
        EXPECT_EQ(sandbox.frame.vector, VECTOR_SYSCALL);
        EXPECT_EQ(sandbox.frame.rsp, sp);

        sandbox_prepare(user_code_stack);
        sandbox.frame.rsp = sp;
        sandbox_run(i % 2 ? USER_BY_SYSRET : USER_BY_IRET);
        EXPECT(!sandbox.exit.refused);
        EXPECT_EQ(sandbox.frame.rip, sandbox_address(user_code_stack));
        EXPECT_EQ(sandbox.frame.rsp, sp);
        if (i % 2 == 0)
            print("# push with rsp %016llx: %s, error %llx\n", (unsigned long long)sp,
                  exception_name(sandbox.frame.vector), (unsigned long long)sandbox.frame.error);
        EXPECT(sandbox.frame.vector == VECTOR_PF || sandbox.frame.vector == VECTOR_GP ||
               sandbox.frame.vector == VECTOR_SS);
    }
    sandbox_leave();
}
