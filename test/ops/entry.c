/* SPDX-License-Identifier: MIT */
/*
 * Entries into the kernel and exits from it: which state the kernel runs with after each, whatever
 * user mode had, and what happens with frames that cannot be loaded.
 */
#include "kernel/irq.h"
#include "kernel/report.h"
#include "kernel/smp.h"
#include "kernel/trap.h"
#include "mm/space.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/harness/cpus.h"
#include "test/harness/sandbox.h"

/* ---- System calls with TF set -------------------------------------------------------------- */

/* Offsets of the system call's instruction in the 32-bit pieces, which load registers first. */
enum {
    SYSCALL32_OFFSET = 5,
    SYSENTER_OFFSET = 7,
};

/* Enter a piece with TF set, so that the instruction at offset is the first one that is stepped. */
static void step_system_call(const char *piece, u64 offset, u64 cs, u64 vector)
{
    sandbox_prepare(piece);
    sandbox.frame.rip += offset;
    sandbox.frame.cs = cs;
    sandbox.frame.rflags |= RFLAGS_TF;
    sandbox.frame.rdx = 0x1234;
    sandbox.frame.rcx = SANDBOX_SP;
    sandbox_run(USER_BY_IRET);
    EXPECT_EQ(sandbox.frame.vector, vector);
    EXPECT(!sandbox.exit.refused);
    EXPECT_EQ(sandbox.frame.rflags & RFLAGS_TF, RFLAGS_TF);
}

/*
 * A single step that is due after a system call neither replaces the call nor stops the kernel. The
 * user's %gs base differs from the kernel's, and both must survive.
 */
TEST(entry, system_call_with_a_step_due_is_one, syscall_init, iret)
{
    struct pv_features f;

    pv_cpu_features(&f);
    REQUIRE(sandbox_enter());
    EXPECT_EQ(pv_write_user_gs_base(SANDBOX_DATA), 0);
    step_system_call(user_code_syscall, 0, USER_CS, VECTOR_SYSCALL);
    if (f.syscall32) {
        step_system_call(user_code_syscall32, SYSCALL32_OFFSET, USER_CS32, VECTOR_SYSCALL32);
    } else {
        step_system_call(user_code_sysenter, SYSENTER_OFFSET, USER_CS32, VECTOR_SYSENTER);
        EXPECT_EQ(sandbox.frame.rip, 0x1234);
        EXPECT_EQ(sandbox.frame.rsp, SANDBOX_SP);
    }
    EXPECT_EQ(pv_read_user_gs_base(), SANDBOX_DATA);
    EXPECT_EQ(pv_write_user_gs_base(0), 0);
    sandbox_leave();
}

/* ---- Frames of the kernel that cannot be loaded -------------------------------------------- */

/*
 * pv_iret to kernel mode faults like pv_iret to user mode: one exception, which a PV_TRY block
 * catches, and unchanged %gs bases of kernel and user.
 */
TEST(entry, impossible_kernel_frames_end_in_an_exception, iret)
{
    const u64 cs = pv_kernel_cs(), ss = pv_kernel_ss();
    const struct {
        u64 rip, cs, ss;
    } bad[] = {
        {NON_CANONICAL, cs, ss},
        {(u64)step_system_call, 0xfff0, ss},
        {(u64)step_system_call, 0, ss},
        {(u64)step_system_call, GDT_FIRST_FREE * 8, ss},
        {(u64)step_system_call, cs, 0xfff0},
    };
    static u8 stack[2048] __aligned(
        16); /* a frame's stack, on which the CPU may push the exception */
    struct pv_cpu_area *const area = pv_this_area();

    pv_irq_disable();
    EXPECT_EQ(pv_write_user_gs_base(SANDBOX_DATA), 0);
    for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
        struct trap_frame frame = {.rip = bad[i].rip,
                                   .cs = bad[i].cs,
                                   .ss = bad[i].ss,
                                   .rsp = (u64)(stack + sizeof(stack)),
                                   .rflags = RFLAGS_FIXED};
        struct fault f = {0};

        PV_TRY(f)
        {
            pv_iret(&frame);
        }
        EXPECT(f.caught && f.vector < 32);
        EXPECT(pv_this_area() == area);
        EXPECT_EQ(pv_read_user_gs_base(), SANDBOX_DATA);
        print("# kernel frame %u: %s, error %#llx\n", i, exception_name(f.vector),
              (unsigned long long)f.error);
    }
    EXPECT_EQ(pv_write_user_gs_base(0), 0);
    pv_irq_enable();
}

/* ---- NMIs ---------------------------------------------------------------------------------- */

/* Firmware, a chipset or a host may send an NMI: the kernel counts it and continues. */
TEST(entry, unexpected_nmi_is_counted, send_nmi)
{
    const u64 before = irq_unclaimed_nmis();

    EXPECT_EQ(pv_send_nmi(pv_this_cpu()), 0);
    SPIN_UNTIL(irq_unclaimed_nmis() != before);
    EXPECT_EQ(irq_unclaimed_nmis(), before + 1);
}

/*
 * The report names what each CPU does, and the machine continues. The NMI's own CPU spins in this
 * test; its report is printed by any CPU.
 */
TEST(entry, unexpected_nmi_reports_every_cpu, send_nmi)
{
    const u32 before = __atomic_load_n(&report_count, __ATOMIC_SEQ_CST),
              online = smp_online_count();

    /* The last report may be less than a second ago. */
    sleep_until(pv_clock_ns() + NS_PER_S + NS_PER_MS);
    EXPECT_EQ(pv_send_nmi(pv_this_cpu()), 0);
    SLEEP_UNTIL(__atomic_load_n(&report_count, __ATOMIC_SEQ_CST) >= before + online);
    EXPECT_EQ(__atomic_load_n(&report_count, __ATOMIC_SEQ_CST), before + online);
}

/* ---- Flags --------------------------------------------------------------------------------- */

#define HOSTILE (RFLAGS_AC | RFLAGS_DF | RFLAGS_NT)

static u64 kernel_flags;

/*
 * Return the flags that must be clear in the kernel. Without SMAP, AC has no effect there and is
 * not cleared.
 */
static u64 must_be_clear(void)
{
    struct pv_features f;

    pv_cpu_features(&f);
    return RFLAGS_DF | RFLAGS_NT | RFLAGS_TF | (f.smap || on_xen_pv() ? RFLAGS_AC : 0);
}

static void note_flags(const struct trap_frame *frame)
{
    (void)frame;
    kernel_flags |= __builtin_ia32_readeflags_u64();
}

static bool note_flags_of_nmi(struct trap_frame *frame)
{
    note_flags(frame);
    return true;
}

static void end_spin(struct timer *timer)
{
    (void)timer;
    note_flags(NULL);
    EXPECT_EQ(pv_send_nmi(pv_this_cpu()), 0);
    SANDBOX_WORD(0)++;
}

static void run_with_flags(const char *piece, u64 cs, u64 flags, u64 vector)
{
    sandbox_prepare(piece);
    sandbox.frame.cs = cs;
    sandbox.frame.rflags |= flags;
    sandbox.frame.rdi = SANDBOX_DATA;
    kernel_flags = 0;
    sandbox_run(USER_BY_IRET);
    EXPECT_EQ(sandbox.frame.vector, vector);
    EXPECT_EQ(kernel_flags & must_be_clear(), 0);
    EXPECT_EQ(sandbox.frame.rflags & flags, flags);
}

TEST(entry, handlers_run_with_the_kernels_flags, trap_init, syscall_init, send_nmi, timer_set)
{
    struct timer timer = {0};
    struct pv_features f;

    pv_cpu_features(&f);
    REQUIRE(sandbox_enter());
    user_left_hook = note_flags;
    nmi_hook = note_flags_of_nmi;
    EXPECT_EQ(pv_write_idt_entry(0x80, 3), 0);
    run_with_flags(user_code_undefined, USER_CS, HOSTILE, VECTOR_UD);
    run_with_flags(user_code_add, USER_CS, HOSTILE | RFLAGS_TF, VECTOR_DB);
    run_with_flags(user_code_syscall, USER_CS, HOSTILE, VECTOR_SYSCALL);
    run_with_flags(user_code_int80, USER_CS, HOSTILE, 0x80);
    run_with_flags(f.syscall32 ? user_code_syscall32 : user_code_sysenter, USER_CS32, HOSTILE,
                   f.syscall32 ? VECTOR_SYSCALL32 : VECTOR_SYSENTER);
    SANDBOX_WORD(0) = 0;
    timer_start(&timer, pv_clock_ns() + NS_PER_MS, end_spin);
    run_with_flags(user_code_spin, USER_CS, HOSTILE, VECTOR_SYSCALL);
    EXPECT_EQ(pv_write_idt_entry(0x80, 0), 0);
    user_left_hook = NULL;
    nmi_hook = NULL;
    sandbox_leave();
}

static bool has_run;

static void note_flags_and_end(void *arg)
{
    (void)arg;
    note_flags(NULL);
    WRITE_ONCE(has_run, true);
}

/*
 * A thread that is preempted between user_access_begin and user_access_end does not disable SMAP
 * for the next one.
 */
TEST(entry, user_memory_access_is_per_thread, user_access_begin, user_access_end)
{
    struct thread *other;

    kernel_flags = 0;
    WRITE_ONCE(has_run, false);
    other = thread_start("other", 0, note_flags_and_end, NULL);
    REQUIRE(other);
    pv_user_access_begin();
    SPIN_UNTIL(READ_ONCE(has_run));
    pv_user_access_end();
    thread_join(other);
    EXPECT(has_run);
    EXPECT_EQ(kernel_flags & must_be_clear(), 0);
}

/* ---- Stacks and protection ----------------------------------------------------------------- */

/*
 * With a stack pointer into unmapped memory #PF cannot be pushed, and becomes #DF on an IST stack.
 */
TEST(entry, double_fault_has_a_stack_of_its_own, trap_init)
{
    struct fault f = {0};

    if (on_xen_pv())
        SKIP("a Xen PV guest receives no #DF: Xen ends the domain");
    pv_irq_disable();
    PV_TRY(f)
    {
        __asm__ volatile("movl $0x1000, %%esp\n\tpushq $0" : : : "memory");
    }
    pv_irq_enable();
    EXPECT(f.caught);
    EXPECT_EQ(f.vector, VECTOR_DF);
}

static bool read_faults(u64 va)
{
    struct fault f = {0};

    PV_TRY(f)
    {
        (void)*(volatile u64 *)va;
    }
    return f.caught && f.vector == VECTOR_PF;
}

static bool call_faults(u64 va)
{
    struct fault f = {0};

    PV_TRY(f)
    {
        __asm__ volatile("call *%0" : : "r"(va) : "memory");
    }
    return f.caught && f.vector == VECTOR_PF && f.rip == va;
}

/*
 * The kernel calls these pieces of user code: their first instruction must not return to the
 * kernel.
 */
static void try_protection(void *arg)
{
    struct pv_features f;

    pv_cpu_features(&f);
    if (!EXPECT(sandbox_enter()))
        return;
    EXPECT_EQ(read_faults(SANDBOX_DATA), f.smap);
    if (f.smep)
        EXPECT(call_faults(sandbox_address(user_code_undefined)));
    sandbox_prepare(user_code_sgdt);
    sandbox.frame.rdi = SANDBOX_DATA;
    sandbox_run(USER_BY_IRET);
    if (f.umip)
        EXPECT_EQ(sandbox.frame.vector, VECTOR_GP);
    EXPECT(pv_read_cr4() == *(const u64 *)arg);
    sandbox_leave();
}

TEST(entry, every_cpu_is_protected_from_user_memory, install_tables, cpu_up)
{
    u64 cr4 = pv_read_cr4();

    for (u32 cpu = 0; cpu < smp_online_count(); cpu++) {
        struct thread *t = thread_start("protection", cpu, try_protection, &cr4);

        REQUIRE(t);
        thread_join(t);
    }
}

/* ---- user_run ------------------------------------------------------------------------------ */

static u64 storage_base(void)
{
    const u64 flags = pv_irq_save();
    const u64 base = pv_read_fs_base();

    pv_restore_fl(flags);
    return base;
}

static void set_storage_base(u64 base)
{
    const u64 flags = pv_irq_save();

    EXPECT_EQ(pv_write_fs_base(base), 0);
    pv_restore_fl(flags);
}

/*
 * Thread-local storage of a program survives user_run: user mode gets the %fs base that the caller
 * has set, and the thread gets its own back.
 */
TEST(entry, user_run_restores_the_threads_storage, write_fs_base, read_fs_base)
{
    static const u64 storage[2];
    const u64 before = storage_base(), thread_before = this_thread()->fs_base;

    REQUIRE(sandbox_enter());
    this_thread()->fs_base = (u64)&storage[0];
    set_storage_base((u64)&storage[1]);
    sandbox_prepare(user_code_syscall);
    sandbox_run(USER_BY_IRET);
    EXPECT_EQ(storage_base(), (u64)&storage[0]);
    this_thread()->fs_base = thread_before;
    set_storage_base(before);
    sandbox_leave();
}
