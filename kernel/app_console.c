/* SPDX-License-Identifier: MIT */
/*
 * How a program's thread waits for console input: asleep, until the console's interrupt
 * (PV_IRQ_CONSOLE, pv/ops/irq.def) wakes it. On a platform without that interrupt it looks for
 * input every millisecond.
 *
 * The line is masked, but for the time in which a reader waits. Its handler masks it, because a
 * level-triggered UART repeats the interrupt until its input is read. So the handler runs once for
 * input that no thread reads.
 *
 * No byte is missed. The reader notes the number of interrupts, unmasks the line, reads the console
 * once more, and sleeps while the number is the same. A byte that arrives before that read is
 * returned by it. A later one interrupts, and the handler changes the number before it wakes.
 *
 * A restore unbinds all lines (kernel/lifecycle.h). Between the two hooks the line counts as
 * missing, because the number may be another line's then. The second hook binds it again, on CPU 0,
 * and wakes the reader, whose input may have arrived in the meantime.
 */
#include "kernel/app_console.h"

#include "kernel/irq.h"
#include "kernel/lifecycle.h"
#include "pv/spinlock.h"

#define POLL_NS NS_PER_MS

/* Guarded by: line_lock. */
static struct spinlock line_lock = SPINLOCK("console line");
static int line = -ENODEV;

/* Atomic: grows with each interrupt; the reader sleeps while it is the same (libc_wait). */
static u32 arrivals;

/* Atomic: counts, of one writer each. */
struct app_console_counts app_console_counts;

static void wake_reader(void)
{
    __atomic_add_fetch(&arrivals, 1, __ATOMIC_SEQ_CST);
    libc_wake(&arrivals, 1);
}

static void on_input(void *number)
{
    pv_irq_mask((u32)(u64)number);
    WRITE_ONCE(app_console_counts.interrupts, app_console_counts.interrupts + 1);
    wake_reader();
}

/* Use another line from now on, or none. Return the one that was used. */
static int set_line(int number)
{
    const u64 flags = spin_lock_irqsave(&line_lock);
    const int before = line;

    line = number;
    spin_unlock_irqrestore(&line_lock, flags);
    return before;
}

void app_console_listen(void)
{
    const int bound = pv_irq_bind(PV_IRQ_CONSOLE, 0);

    if (bound < 0)
        return;
    if (irq_request((u32)bound, on_input, (void *)(u64)bound))
        pv_irq_unbind((u32)bound);
    else
        set_line(bound);
}

void app_console_ignore(void)
{
    const int bound = set_line(-ENODEV);

    if (bound < 0)
        return;
    irq_release((u32)bound);
    pv_irq_unbind((u32)bound);
}

/* Return false if the console does not interrupt. */
static bool unmask_line(void)
{
    const u64 flags = spin_lock_irqsave(&line_lock);
    const bool unmasked = line >= 0 && !pv_irq_unmask((u32)line);

    spin_unlock_irqrestore(&line_lock, flags);
    return unmasked;
}

int app_console_read(void)
{
    WRITE_ONCE(app_console_counts.reads, app_console_counts.reads + 1);
    return pv_console_read();
}

int app_console_wait(struct libc_interrupt interrupt, u64 deadline)
{
    const u32 before = __atomic_load_n(&arrivals, __ATOMIC_SEQ_CST);
    int byte;

    if (!unmask_line()) {
        sleep_until(MIN(deadline, pv_clock_ns() + POLL_NS));
        return app_console_read();
    }
    byte = app_console_read();
    if (byte >= 0)
        return byte;
    libc_wait_interruptible(&arrivals, before, interrupt, deadline);
    return app_console_read();
}

static int line_before_suspend; /* Written: by the two hooks, one after the other */

static void before_suspend(void)
{
    line_before_suspend = set_line(-ENODEV);
}

static void after_suspend(bool cancelled)
{
    if (line_before_suspend < 0)
        return;
    if (cancelled)
        set_line(line_before_suspend);
    else
        app_console_listen();
    wake_reader();
}

SUSPEND_HOOK(console, before_suspend, after_suspend);
