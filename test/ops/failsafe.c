/* SPDX-License-Identifier: MIT */
/*
 * Xen PV's failsafe callback: Xen calls it if it cannot load a segment register when a vCPU
 * continues. The tests cause that by removing the descriptor of a loaded selector while another
 * vCPU wants the same physical CPU, so that Xen has to switch away and back.
 */
#include "kernel/trap.h"
#include "pv/selectors.h"
#include "test/harness/cpus.h"
#include "test/harness/sandbox.h"

#define TLS_SELECTOR (GDT_TLS * 8 + 3)
#define GLANCE_NS    (300 * NS_PER_MS)
#define WAIT_NS      (3 * NS_PER_S)

u64 wait_with_patterns(const bool *flag); /* test/harness/registers.S */

static const u64 tls[3] = {DESCRIPTOR_USER_DATA, 0, 0}, no_tls[3];

static u32 failsafes;
static bool over, stop_busy;
static u64 failsafe_cs;

static bool record_failsafe(struct trap_frame *frame)
{
    failsafes++;
    failsafe_cs = frame->cs;
    if (from_user(frame))
        SANDBOX_WORD(0)++;
    WRITE_ONCE(over, true);
    return true;
}

static void give_up(struct timer *timer)
{
    (void)timer;
    WRITE_ONCE(over, true);
}

static void keep_busy(void *arg)
{
    (void)arg;
    while (!READ_ONCE(stop_busy))
        barrier();
}

/* The kernel itself has the selector in %es. Only that register may change. */
static void wait_in_kernel(void)
{
    struct timer timer = {0};
    u64 changed;
    u16 es;

    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_load_tls(tls), 0);
        __asm__ volatile("movl %0, %%es" : : "r"(TLS_SELECTOR));
        EXPECT_EQ(pv_load_tls(no_tls), 0);
    }
    over = false;
    timer_start(&timer, pv_clock_ns() + WAIT_NS, give_up);
    changed = wait_with_patterns(&over);
    timer_stop(&timer);
    __asm__ volatile("movl %%es, %k0\n\tmovl %k1, %%es" : "=&r"(es) : "r"(0));
    EXPECT_EQ(changed, 0);
    if (failsafes) {
        EXPECT_EQ(es & ~3, 0);
        EXPECT_EQ(failsafe_cs & 3, 0);
    }
}

/* User mode was interrupted after it had loaded the selector: remove the descriptor. */
static void remove_tls(struct timer *timer)
{
    if (irq_frame() && from_user(irq_frame()) && SANDBOX_WORD(1))
        EXPECT_EQ(pv_load_tls(no_tls), 0);
    else if (!READ_ONCE(over))
        timer_start(timer, pv_clock_ns() + NS_PER_MS, remove_tls);
}

static void end_spin(struct timer *timer)
{
    (void)timer;
    SANDBOX_WORD(0)++;
}

/* End with ud2, which preserves rcx and r11, unlike a system call. */
static void wait_in_user_mode(void)
{
    struct timer away = {0}, end = {0};
    struct trap_frame to;

    REQUIRE(sandbox_enter());
    EXPECT_EQ(pv_load_tls(tls), 0);
    over = false;
    SANDBOX_WORD(0) = 0;
    sandbox_prepare(user_code_spin_with_es);
    for (u32 i = 0; i < 15; i++)
        sandbox.words[i] = 0x0101010101010101ull * (i + 1);
    sandbox.frame.rdi = SANDBOX_DATA;
    sandbox.frame.rsi = 0;
    sandbox.frame.rdx = TLS_SELECTOR;
    to = sandbox.frame;
    timer_start(&away, pv_clock_ns() + NS_PER_MS, remove_tls);
    timer_start(&end, pv_clock_ns() + WAIT_NS, end_spin);
    sandbox_run(USER_BY_IRET);
    timer_stop(&away);
    timer_stop(&end);
    EXPECT_EQ(pv_load_tls(no_tls), 0);
    EXPECT_EQ(sandbox.frame.vector, VECTOR_UD);
    if (failsafes) {
        EXPECT_EQ(sandbox.frame.rdx & ~3ull, 0);
        EXPECT_EQ(failsafe_cs & 3, 3);
    }
    to.rdx = sandbox.frame.rdx;
    for (u32 i = 0; i < 15; i++)
        EXPECT_EQ(sandbox.words[i], ((union sandbox_regs){.frame = to}).words[i]);
    EXPECT_EQ(sandbox.frame.rsp, to.rsp);
    __asm__ volatile("movl %0, %%es" : : "r"(0));
    sandbox_leave();
}

/*
 * Return whether Xen let other vCPUs run on this one's physical CPU since `begin`, when pv_steal_ns
 * was `stolen`. Busy vCPUs that share a physical CPU take half of the time from each other at
 * least; without sharing, Xen's own work takes a small part only.
 */
static bool is_shared(u64 stolen, u64 begin)
{
    return (pv_steal_ns() - stolen) * 4 >= pv_clock_ns() - begin;
}

/*
 * Run wait on this CPU while all others are busy, if a first glance shows that its physical CPU is
 * shared. Return whether it was shared at the glance and during wait. A busy host may make each
 * look different, so a time in which wait did not run says nothing.
 */
static bool wait_on_shared_cpu(void (*wait)(void))
{
    u64 stolen = pv_steal_ns(), begin = pv_clock_ns();

    spin(GLANCE_NS);
    if (!is_shared(stolen, begin))
        return false;
    stolen = pv_steal_ns();
    begin = pv_clock_ns();
    wait();
    return is_shared(stolen, begin);
}

/* If Xen lets another vCPU run on this one's physical CPU during wait, it calls the callback. */
static void expect_failsafe(void (*wait)(void))
{
    struct workers workers;
    bool shared;

    if (!on_xen_pv())
        SKIP("this backend has no failsafe callback; only Xen PV has");
    NEEDS_CPUS(2);
    failsafes = 0;
    WRITE_ONCE(stop_busy, false);
    failsafe_hook = record_failsafe;
    workers_start(&workers, 1, smp_online_count(), keep_busy, NULL, 0);
    shared = wait_on_shared_cpu(wait);
    WRITE_ONCE(stop_busy, true);
    workers_join(&workers);
    failsafe_hook = NULL;
    if (!failsafes && !shared)
        SKIP("each vCPU has a physical CPU of its own, so that Xen never switches away from one");
    EXPECT(failsafes > 0);
}

TEST(failsafe, kernel_continues_with_a_null_selector, load_tls, syscall_init)
{
    expect_failsafe(wait_in_kernel);
}

TEST(failsafe, user_mode_continues_with_a_null_selector, load_tls, syscall_init, iret)
{
    expect_failsafe(wait_in_user_mode);
}

/* A PV_TRY block catches exceptions; a failsafe callback is not one. */
static void wait_in_a_try_block(void)
{
    struct fault f = {0};

    PV_TRY(f)
    {
        wait_in_kernel();
    }
    EXPECT(!f.caught);
}

TEST(failsafe, try_blocks_do_not_take_it, load_tls, syscall_init)
{
    expect_failsafe(wait_in_a_try_block);
}
