/* SPDX-License-Identifier: MIT */
/*
 * Interrupts: from the backend's callbacks to the handlers of lines.
 *
 * Lines. A line is an opaque number that the op irq_bind returns. It stands for a vector of the
 * local APIC or for an event-channel port, and nothing here depends on which. lines[] has a handler
 * for each. irq_request stores the handler and unmasks the line, so the line cannot interrupt
 * before its handler is there.
 *
 * An interrupt. The backend disables interrupts and calls irq_on_interrupt, irq_on_timer or
 * irq_on_ipi with the frame of the interrupted code. interrupt_begin remembers the frame and hides
 * the thread's recovery points (kernel/trap.h): a fault in the handler is not the interrupted
 * code's fault. The handler runs on the interrupted thread's stack and must leave interrupts
 * disabled. irq_eoi then has the controller accept the line again. When all
 * interrupts that arrived together are done, the backend calls sched_on_interrupts_done, which may
 * switch threads.
 *
 * Masking. A masked line's interrupt stays pending, and is delivered once when the line is
 * unmasked; so the owner of a line may mask it around its own work without losing an interrupt.
 *
 * Release. irq_release must not return while another CPU runs the handler, because the caller will
 * free what the handler uses. The CPU that handles stores its number in runner before it reads
 * handler; irq_release clears handler before it reads runner. Both are sequentially consistent, so
 * either the CPU reads NULL, or irq_release sees the runner and waits. A handler may release its
 * own line; then the runner is this CPU, and waiting would not end.
 *
 * Interrupts at vectors that no line uses are counted and reported once: firmware and devices may
 * raise them, and the kernel can continue. An NMI that the kernel did not send is counted, too, and
 * the state of all CPUs is printed by the next interrupt or idle loop of any CPU, once a second at
 * most.
 */
#include "kernel/irq.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/report.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "lib/string.h"

#define LINES_MAX  8192
#define NR_VECTORS 256

/*
 * Guarded by: the mask of the line. irq_request writes before it unmasks; irq_release clears the
 * handler after it has masked, and returns when the handler is not running.
 */
static struct line {
    void (*handler)(void *data);
    void *data;
    u32 runner; /* the CPU that runs the handler, plus 1; 0: none */
} lines[LINES_MAX];

/* Atomic: each is one pointer, read once for each IPI. */
static void (*ipi_handlers[PV_NR_IPIS])(void);
static u64 unclaimed[NR_VECTORS]; /* Atomic: counts, added to by atomic instructions */
static u64 unclaimed_nmis;        /* Atomic: a count, added to by atomic instructions */
bool state_wanted;                /* an unexpected NMI asks for a report. Atomic: a flag */

const struct trap_frame *irq_frame(void)
{
    return this_cpu()->irq_frame;
}

static void check_interrupts_disabled(const struct trap_frame *frame, const char *when)
{
    if (pv_save_fl() & PV_FLAG_IF)
        panic_frame(frame, "interrupts are enabled %s", when);
}

/* A backend is broken if it interrupts a handler, or code that has interrupts disabled. */
static struct cpu *interrupt_begin(const struct trap_frame *frame)
{
    struct cpu *c = this_cpu();

    if (!(frame->rflags & PV_FLAG_IF))
        panic_frame(frame, "an interrupt was delivered while interrupts were disabled");
    check_interrupts_disabled(frame, "in a callback of the backend");
    c->irq_frame = frame;
    c->hidden_handler = c->thread->trap_handler;
    c->thread->trap_handler = NULL;
    return c;
}

static void interrupt_end(struct cpu *c)
{
    check_interrupts_disabled(c->irq_frame, "after an interrupt handler");
    c->irq_frame = NULL;
    c->thread->trap_handler = c->hidden_handler;
}

/* Run the line's handler. Return false if it has none. */
static bool line_run_handler(struct line *l)
{
    void (*handler)(void *data);

    __atomic_store_n(&l->runner, pv_this_cpu() + 1, __ATOMIC_SEQ_CST);
    handler = __atomic_load_n(&l->handler, __ATOMIC_SEQ_CST);
    if (handler)
        handler(l->data);
    __atomic_store_n(&l->runner, 0, __ATOMIC_RELEASE);
    return handler;
}

/* Wait until no other CPU runs the line's handler. */
static void line_wait_for_handler(const struct line *l)
{
    u32 runner;

    do
        runner = __atomic_load_n(&l->runner, __ATOMIC_SEQ_CST);
    while (runner && runner != pv_this_cpu() + 1);
}

void irq_on_interrupt(struct trap_frame *frame, u32 line)
{
    struct cpu *c = interrupt_begin(frame);

    c->irqs.interrupts++;
    if (line >= LINES_MAX || !line_run_handler(&lines[line]))
        c->irqs.unexpected++;
    irq_report_state_if_wanted();
    interrupt_end(c);
    pv_irq_eoi(line);
}

void irq_on_timer(struct trap_frame *frame)
{
    struct cpu *c = interrupt_begin(frame);

    c->irqs.timers++;
    timer_fire_due();
    irq_report_state_if_wanted();
    interrupt_end(c);
}

void irq_on_ipi(struct trap_frame *frame, enum pv_ipi kind)
{
    void (*const handler)(void) = READ_ONCE(ipi_handlers[kind]);
    struct cpu *c = interrupt_begin(frame);

    c->irqs.ipis++;
    if (kind == PV_IPI_RESCHEDULE)
        sched_on_reschedule();
    else if (kind == PV_IPI_CALL)
        smp_on_call();
    if (handler)
        handler();
    irq_report_state_if_wanted();
    interrupt_end(c);
}

/* Warn about the first at each vector only, because a device may send thousands. */
void irq_on_unclaimed(u8 vector)
{
    if (__atomic_fetch_add(&unclaimed[vector], 1, __ATOMIC_RELAXED))
        return;
    log_warn("unexpected interrupt at vector 0x%x: acknowledged and counted; CPU %u", vector,
             pv_this_cpu());
}

u64 irq_unclaimed(u8 vector)
{
    return __atomic_load_n(&unclaimed[vector], __ATOMIC_RELAXED);
}

/*
 * A chipset reports errors by NMI, and a host's user may send one in order to see what the machine
 * does: count it, note what it has interrupted, and continue.
 */
void irq_on_unclaimed_nmi(const struct trap_frame *frame)
{
    __atomic_fetch_add(&unclaimed_nmis, 1, __ATOMIC_RELAXED);
    report_note(frame);
    __atomic_store_n(&state_wanted, true, __ATOMIC_RELEASE);
}

u64 irq_unclaimed_nmis(void)
{
    return boot_early_nmis + __atomic_load_n(&unclaimed_nmis, __ATOMIC_RELAXED);
}

void irq_report_nmis(void)
{
    static bool reported; /* Atomic: set by one exchange */

    if (irq_unclaimed_nmis() && !READ_ONCE(reported) &&
        !__atomic_exchange_n(&reported, true, __ATOMIC_RELAXED))
        log_warn("unexpected NMI: counted, %llu so far; CPU %u",
                 (unsigned long long)irq_unclaimed_nmis(), pv_this_cpu());
}

void irq_report_state(void)
{
    static u64 next_ns; /* Atomic: one word; a report more or less does no harm */
    const u64 now = pv_clock_ns();

    if (!__atomic_exchange_n(&state_wanted, false, __ATOMIC_ACQUIRE) || now < READ_ONCE(next_ns))
        return;
    WRITE_ONCE(next_ns, now + NS_PER_S);
    log_warn("unexpected NMI: %llu so far; the state of all CPUs:",
             (unsigned long long)irq_unclaimed_nmis());
    report_cpus();
}

void irq_set_ipi_handler(enum pv_ipi kind, void (*handler)(void))
{
    WRITE_ONCE(ipi_handlers[kind], handler);
}

int irq_request(u32 line, void (*handler)(void *data), void *data)
{
    int error;

    if (line >= LINES_MAX)
        return -ENOSPC;
    if (lines[line].handler)
        return -EBUSY;
    lines[line].data = data;
    lines[line].handler = handler;
    error = pv_irq_unmask(line);
    if (error)
        lines[line].handler = NULL;
    return error;
}

int irq_release(u32 line)
{
    if (line >= LINES_MAX || !lines[line].handler)
        return -EINVAL;
    pv_irq_mask(line);
    __atomic_store_n(&lines[line].handler, NULL, __ATOMIC_SEQ_CST);
    line_wait_for_handler(&lines[line]);
    return 0;
}

u64 irq_handler_of(u32 line)
{
    return line < LINES_MAX ? (u64)READ_ONCE(lines[line].handler) : 0;
}

u32 irq_lines(void)
{
    return LINES_MAX;
}

void irq_forget_lines(void)
{
    for (u32 line = 0; line < LINES_MAX; line++)
        lines[line].handler = NULL;
}

void irq_init(void)
{
    const char *error;

    if (cmdline.evtchn[0] && strcmp(cmdline.evtchn, "2l") && strcmp(cmdline.evtchn, "fifo"))
        finish(VERDICT_ERROR, "evtchn=%s: not an event-channel ABI; known are 2l and fifo",
               cmdline.evtchn);
    error = pv_irq_init(cmdline.evtchn);
    if (error)
        finish(VERDICT_ERROR, "interrupts: %s", error);
}
