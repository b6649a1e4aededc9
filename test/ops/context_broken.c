/* SPDX-License-Identifier: MIT */
/*
 * Proof that check=context (test/ops/context.c) can fail: break each rule of pv/ops.def once, and
 * return from an op in each state that its contract excludes. The tests call the wrappers through
 * their table, so that every run of the suite shows it, with and without check=context.
 */
#include "kernel/trap.h"
#include "lib/format.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"
#include "test/ops/context.h"

static void run_broken(const char *op, void (*broken)(void), const char *rule)
{
    char wanted[128];

    PANICS(op)
    broken();
    ksnprintf(wanted, sizeof(wanted), "context: %s; called from *", rule);
    test_expect(glob_match(wanted, caught_panic), __FILE__, __LINE__,
                "op %s: \"%s\" (there was \"%s\")", op, wanted, caught_panic);
    print("# op %s: %s\n", op, caught_panic);
}

static void use_real_ops(void)
{
    if (!cmdline.check[0])
        context_real = pv_ops;
}

/* ---- Callers in a wrong context ------------------------------------------------------------ */

static void call_wbinvd(void)
{
    context_checked.cpu.wbinvd();
}

static void call_irq_mask(void)
{
    context_checked.irq.irq_mask(~0u);
}

static void in_interrupt(struct test_line *line)
{
    (void)line;
    run_broken("wbinvd", call_wbinvd, "a caller that is not an interrupt handler is required");
}

static bool in_nmi(struct trap_frame *frame)
{
    (void)frame;
    run_broken("wbinvd", call_wbinvd, "a caller that is not an NMI handler is required");
    run_broken("irq_mask", call_irq_mask, "a caller that is not an NMI handler is required");
    return true;
}

TEST(context, op_in_a_handler_that_may_not_call_it_is_reported)
{
    trap_hook *const others = nmi_hook;
    struct test_line line = {.during = in_interrupt};

    use_real_ops();
    REQUIRE(test_line_open(&line));
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    EXPECT(test_line_hits(&line, 1));
    test_line_close(&line);
    nmi_hook = in_nmi;
    EXPECT_EQ(pv_send_nmi(pv_this_cpu()), 0);
    spin(NS_PER_MS);
    nmi_hook = others;
}

/* ---- Callers in a wrong state -------------------------------------------------------------- */

static void call_timer_stop(void)
{
    context_checked.time.timer_stop();
}

static void call_cpu_up(void)
{
    context_checked.smp.cpu_up(0, NULL);
}

static void call_lazy_enter(void)
{
    context_checked.mmu.lazy_enter();
}

static void call_read_cr4(void)
{
    context_checked.cpu.read_cr4();
}

static void call_from_unbound_thread(void *arg)
{
    (void)arg;
    run_broken("read_cr4", call_read_cr4, "a caller that is bound to its CPU is required");
}

TEST(context, op_whose_caller_can_be_interrupted_or_moved_is_reported)
{
    struct thread *thread;

    use_real_ops();
    run_broken("timer_stop", call_timer_stop, "a caller with interrupts disabled is required");
    run_broken("lazy_enter", call_lazy_enter,
               "a caller with interrupts disabled or a spinlock held is required");
    INTERRUPTS_OFF
    {
        run_broken("cpu_up", call_cpu_up, "a caller with interrupts enabled is required");
    }
    thread = thread_start("unbound", THREAD_ANY_CPU, call_from_unbound_thread, NULL);
    REQUIRE(thread);
    thread_join(thread);
}

/* ---- Ops that return in a wrong state, or a wrong status ----------------------------------- */

static struct spinlock kept = SPINLOCK("kept");

static void disable_irqs(void)
{
    pv_irq_disable();
}

static void enable_irqs(void)
{
    pv_irq_enable();
}

static void keep_lock(void)
{
    spin_lock(&kept);
}

static void leave_cpu(void)
{
    pv_irq_enable();
    EXPECT_EQ(thread_bind(!pv_this_cpu()), 0);
    pv_irq_disable();
}

/* Return a status that another op's contract lists. */
static int exists_already(u8 vector, u8 dpl)
{
    (void)vector, (void)dpl;
    return -EEXIST;
}

static int return_one(u8 vector, u8 dpl)
{
    (void)vector, (void)dpl;
    return 1;
}

static void call_write_idt_entry(void)
{
    context_checked.cpu.write_idt_entry(0x80, 0);
}

static void call_io_delay(void)
{
    context_checked.cpu.io_delay();
}

/*
 * Give io_delay, which only tests call, this fault, and expect the report to name the broken rule.
 */
static void expect_fault(void (*fault)(void), const char *rule)
{
    void (*const right)(void) = context_real.cpu.io_delay;

    context_real.cpu.io_delay = fault;
    run_broken("io_delay", call_io_delay, rule);
    context_real.cpu.io_delay = right;
}

static void leave_from_unbound(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    {
        expect_fault(leave_cpu, "it must return on the CPU that called it");
    }
}

TEST(context, op_that_returns_in_another_state_is_reported)
{
    struct thread *thread;

    use_real_ops();
    expect_fault(disable_irqs, "it must return with the interrupt flag as it was");
    pv_irq_enable();
    INTERRUPTS_OFF
    {
        expect_fault(enable_irqs, "it must return with the interrupt flag as it was");
    }
    expect_fault(keep_lock, "it must return with as many spinlocks held as before");
    spin_unlock(&kept);
    if (smp_online_count() == 1)
        return;
    thread = thread_start("leaver", THREAD_ANY_CPU, leave_from_unbound, NULL);
    REQUIRE(thread);
    thread_join(thread);
}

static void expect_status(int (*wrong)(u8 vector, u8 dpl), const char *rule)
{
    int (*const right)(u8 vector, u8 dpl) = context_real.cpu.write_idt_entry;

    context_real.cpu.write_idt_entry = wrong;
    INTERRUPTS_OFF
    run_broken("write_idt_entry", call_write_idt_entry, rule);
    context_real.cpu.write_idt_entry = right;
}

TEST(context, status_that_the_contract_does_not_list_is_reported)
{
    use_real_ops();
    expect_status(exists_already, "it must not return -17, which its contract does not list");
    expect_status(return_one, "it must not return 1, which its contract does not list");
}
