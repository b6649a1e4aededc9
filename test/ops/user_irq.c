/* SPDX-License-Identifier: MIT */
/*
 * Interrupts, NMIs and debug exceptions that are taken in user mode, or in the first and last
 * instructions of the kernel, where the stack or %gs is not yet the kernel's.
 */
#include "kernel/irq.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "pv/x86.h"
#include "test/harness/sandbox.h"
#include "test/harness/test.h"

/*
 * The entry code of entry.S, without the vectors' stubs and, on Xen PV, without the path of #DB
 * itself.
 */
extern const u8 native_entry_start[], native_entry_end[], xen_pv_entry_start[], xen_pv_entry_end[];

static volatile u32 stub_hits;

static bool count_stub_hit(struct trap_frame *frame)
{
    stub_hits++;
    frame->rflags |= RFLAGS_RF;
    return true;
}

/*
 * Set a breakpoint at every byte of the entry and exit code in turn, and make a round trip of each
 * kind: #DB is taken where the stack or gs is not yet the kernel's, and no register is lost.
 */
TEST(user, exceptions_inside_the_stubs_are_survived, iret, sysret, syscall_init, set_debugreg)
{
    const bool is_xen_pv = on_xen_pv();
    const u64 start = (u64)(is_xen_pv ? xen_pv_entry_start : native_entry_start);
    const u64 end = (u64)(is_xen_pv ? xen_pv_entry_end : native_entry_end);

    IN_SANDBOX;
    stub_hits = 0;
    debug_hook = count_stub_hit;
    for (u64 at = start; at < end; at++) {
        pv_set_debugreg(0, at);
        pv_set_debugreg(7, DR7_FIXED | 1);
        for (u32 way = 0; way < 4; way++) {
            sandbox_prepare(way / 2 ? user_code_undefined : user_code_syscall);
            sandbox.frame.rbx = at;
            sandbox_run(way % 2 ? USER_BY_SYSRET : USER_BY_IRET);
            EXPECT_EQ(sandbox.frame.vector, way / 2 ? VECTOR_UD : VECTOR_SYSCALL);
            EXPECT_EQ(sandbox.frame.rbx, at);
        }
        pv_set_debugreg(7, DR7_FIXED);
    }
    debug_hook = NULL;
    print("# %u breakpoints hit in %llu bytes of entry code\n", stub_hits,
          (unsigned long long)(end - start));
    EXPECT(stub_hits > 100);
    sandbox_leave();
}

static bool came_from_user;

static void change_word(struct timer *timer)
{
    (void)timer;
    came_from_user = irq_frame() && from_user(irq_frame());
    SANDBOX_WORD(0)++;
}

/* Enter ring 3 once and spin there until the timer, due after delay, has changed the word. */
static void spin_until_timer(u64 delay, enum user_entry entry, void (*fire)(struct timer *timer))
{
    static struct timer timer;

    came_from_user = false;
    SANDBOX_WORD(0) = delay;
    sandbox_prepare(user_code_spin);
    sandbox.frame.rdi = SANDBOX_DATA;
    sandbox.frame.rsi = delay;
    sandbox.frame.r15 = 0xabcdef;
    timer_start(&timer, pv_clock_ns() + delay, fire);
    sandbox_run(entry);
    EXPECT_EQ(sandbox.frame.vector, VECTOR_SYSCALL);
    EXPECT_EQ(sandbox.frame.rax, delay + 1);
    EXPECT_EQ(sandbox.frame.r15, 0xabcdef);
}

/*
 * Ring 3 is interrupted, continues, and sees only the word that the handler changed. The delay
 * grows until the timer fires while the CPU is in ring 3, however slow the machine is.
 */
TEST(user, interrupts_are_delivered_in_user_mode, iret, sysret, load_sp0, timer_set)
{
    IN_SANDBOX;
    for (u32 way = 0; way < 2; way++) {
        u64 delay = 50 * NS_PER_US;

        do
            spin_until_timer(delay, way ? USER_BY_SYSRET : USER_BY_IRET, change_word);
        while (!came_from_user && (delay *= 2) < 4 * NS_PER_S);
        EXPECT(came_from_user);
    }
    sandbox_leave();
}

static volatile u32 nmis;

static bool count_nmi(struct trap_frame *frame)
{
    (void)frame;
    nmis++;
    SANDBOX_WORD(0)++;
    return true;
}

static void send_nmi(struct timer *timer)
{
    (void)timer;
    EXPECT_EQ(pv_send_nmi(pv_this_cpu()), 0);
}

/*
 * An NMI is delivered with interrupts disabled, once more after it was handled, and inside an
 * interrupt that was taken in user mode.
 */
TEST(user, nmi_is_delivered_with_interrupts_disabled, send_nmi, iret)
{
    IN_SANDBOX;
    nmis = 0;
    nmi_hook = count_nmi;
    for (u32 i = 1; i <= 3; i++) {
        send_nmi(NULL);
        EXPECT_EQ(nmis, i);
    }
    spin_until_timer(NS_PER_MS, USER_BY_IRET, send_nmi);
    EXPECT_EQ(nmis, 4);
    nmi_hook = NULL;
    sandbox_leave();
}
