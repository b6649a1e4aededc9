/* SPDX-License-Identifier: MIT */
/*
 * Costs of the ops of interrupts, time and locks, and of a whole interrupt. Part of the payload
 * "bench" (test/bench/bench.h). Measurements are called with interrupts disabled.
 */
#include "kernel/irq.h"
#include "kernel/time.h"
#include "pv/apic_regs.h"
#include "test/bench/bench.h"

static u64 ns;
static u32 apic_value;
static const u8 lock_byte;
static u32 soft_line, hits;

static void on_hit(void *data)
{
    (void)data;
    hits++;
}

/* Return a line of the benchmark, bound on first use and unmasked. */
static u32 bench_line(void)
{
    static bool bound;
    const int got = bound ? 0 : pv_irq_bind(PV_IRQ_SOFT, 0);

    if (!bound && got >= 0) {
        soft_line = (u32)got;
        irq_request(soft_line, on_hit, NULL);
    }
    bound = true;
    return soft_line;
}

/* Lines. */
BENCH_NOT(suspend, "stops the machine where it can be done");
BENCH_NOT(irq_init, "once a boot");

static void bind_loop(u32 count)
{
    for (; count; count--)
        pv_irq_unbind((u32)pv_irq_bind(PV_IRQ_SOFT, 0));
}
BENCH(op, irq_bind, "ticks with irq_unbind")
{
    bench_line(); /* because the number of bound lines is part of the cost */
    return bench_per_call(bind_loop);
}

BENCH_NOT(irq_unbind, "counted with irq_bind");
BENCH_CALL(op, irq_mask, pv_irq_mask(bench_line()))
BENCH_CALL(op, irq_unmask, pv_irq_unmask(bench_line()))
BENCH_NOT(irq_eoi, "only for an interrupt in service: irq.raise_and_handle");
BENCH_CALL(op, irq_raise, pv_irq_raise(bench_line()))

/* Time. */
static u64 far_deadline(void)
{
    static u64 deadline;

    if (!deadline)
        deadline = pv_clock_ns() + 3600 * NS_PER_S;
    return deadline;
}

BENCH_NOT(time_init, "once a boot");
BENCH_CALL(op, clock_ns, pv_clock_ns())
BENCH_CALL(op, clock_source, pv_clock_source())
BENCH_CALL(op, timer_set, pv_timer_set(far_deadline()))
BENCH_CALL(op, timer_stop, pv_timer_stop())
BENCH_CALL(op, steal_ns, pv_steal_ns())
BENCH_CALL(op, get_wallclock, pv_get_wallclock(&ns))
BENCH_NOT(set_wallclock, "changes the machine's clock");

/* The interrupt flag. */
BENCH_CALL(op, save_fl, pv_save_fl())
BENCH_CALL(op, restore_fl, pv_restore_fl(0))
BENCH_CALL(op, irq_disable, pv_irq_disable())
BENCH_CALL(op, irq_enable, pv_irq_enable())

static void raise_and_halt(void)
{
    pv_irq_disable();
    pv_irq_raise(bench_line());
    pv_safe_halt();
}
static void safe_halt_loop(u32 count)
{
    for (; count; count--)
        raise_and_halt();
}
BENCH(op, safe_halt, "ticks with an interrupt that waits")
{
    return bench_per_call(safe_halt_loop);
}

/* Corner cases. */
BENCH_CALL(op, apic_read, pv_apic_read(APIC_VERSION, &apic_value))
BENCH_CALL(op, apic_write, pv_apic_write(APIC_TPR, 0))
BENCH_CALL(op, apic_eoi, pv_apic_eoi())
BENCH_NOT(apic_icr, "its interrupt needs a handler: see smp.ipi_to_self");
BENCH_CALL(op, setup_boot_clock, pv_setup_boot_clock())
BENCH_CALL(op, setup_secondary_clock, pv_setup_secondary_clock())
BENCH_CALL(op, startup_ipi_hook, pv_startup_ipi_hook(1, 0, 0))
BENCH_CALL(op, lock_kick, pv_lock_kick(0))
BENCH_CALL(op, lock_wait, pv_lock_wait(&lock_byte, 1))
BENCH_CALL(op, vcpu_is_preempted, pv_vcpu_is_preempted(0))

/* SMP. */
BENCH_CALL(op, send_ipi, pv_send_ipi(0, PV_IPI_RESCHEDULE))

/* Whole operations: from raising an interrupt to the end of its handler. */
static void raise_and_handle(void)
{
    const u32 before = READ_ONCE(hits);

    pv_irq_enable();
    pv_irq_raise(bench_line());
    while (READ_ONCE(hits) == before)
        barrier();
    pv_irq_disable();
}
BENCH_CALL(irq, raise_and_handle, raise_and_handle())

static void ipi_to_self(void)
{
    const u64 before = READ_ONCE(irq_counts.ipis);

    pv_irq_enable();
    pv_send_ipi(0, PV_IPI_RESCHEDULE);
    while (READ_ONCE(irq_counts.ipis) == before)
        barrier();
    pv_irq_disable();
}
BENCH_CALL(smp, ipi_to_self, ipi_to_self())
