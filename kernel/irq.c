/* See kernel/irq.h. */
#include "kernel/irq.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "lib/string.h"

#define LINES_MAX  8192
#define NR_VECTORS 256

/*
 * Guarded by: the mask of the line. irq_request writes before it unmasks; irq_release clears the
 * handler after it has masked, and returns when the handler is not running (run_handler).
 */
static struct line {
    void (*handler)(void *data);
    void *data;
    u32 runner; /* the CPU that runs the handler, plus one; 0: none */
} lines[LINES_MAX];

/* Atomic: each is one pointer, which is read once for each IPI. */
static void (*ipi_handlers[PV_NR_IPIS])(void);
static u64 unclaimed[NR_VECTORS]; /* Atomic: counts, added to by atomic instructions */
static u64 unclaimed_nmis;        /* Atomic: a count, added to by atomic instructions */

const struct trap_frame *irq_frame(void)
{
    return this_cpu()->irq_frame;
}

static void check_disabled(const struct trap_frame *frame, const char *what)
{
    if (pv_save_fl() & PV_FLAG_IF)
        panic_frame(frame, "%s with interrupts enabled", what);
}

/*
 * A backend that delivers with interrupts disabled, or delivers one inside another, is broken. The
 * handler is not part of the PV_TRY block, or of the way to user mode, that it interrupts.
 */
static struct cpu *enter(const struct trap_frame *frame)
{
    struct cpu *c = this_cpu();

    if (!(frame->rflags & PV_FLAG_IF))
        panic_frame(frame, "an interrupt came while interrupts were disabled");
    check_disabled(frame, "a callback was made");
    c->irq_frame = frame;
    c->hidden = c->thread->taker;
    c->thread->taker = NULL;
    return c;
}

static void leave(struct cpu *c)
{
    check_disabled(c->irq_frame, "a handler returned");
    c->irq_frame = NULL;
    c->thread->taker = c->hidden;
}

/*
 * Run the line's handler. Return false if it has none. runner is stored before handler is read, and
 * irq_release does it the other way round: one of the two sees the other.
 */
static bool run_handler(struct line *l)
{
    void (*handler)(void *data);

    __atomic_store_n(&l->runner, pv_this_cpu() + 1, __ATOMIC_SEQ_CST);
    handler = __atomic_load_n(&l->handler, __ATOMIC_SEQ_CST);
    if (handler)
        handler(l->data);
    __atomic_store_n(&l->runner, 0, __ATOMIC_RELEASE);
    return handler;
}

/* The CPU that runs the handler is the one that bound the line: if that is this one, it is over. */
static void wait_for_handler(const struct line *l)
{
    u32 runner;

    do
        runner = __atomic_load_n(&l->runner, __ATOMIC_SEQ_CST);
    while (runner && runner != pv_this_cpu() + 1);
}

void irq_on_interrupt(struct trap_frame *frame, u32 line)
{
    struct cpu *c = enter(frame);

    c->irqs.interrupts++;
    if (line >= LINES_MAX || !run_handler(&lines[line]))
        c->irqs.unexpected++;
    leave(c);
    pv_irq_eoi(line);
}

void irq_on_timer(struct trap_frame *frame)
{
    struct cpu *c = enter(frame);

    c->irqs.timers++;
    timer_fire_due();
    irq_report_nmis();
    leave(c);
}

void irq_on_ipi(struct trap_frame *frame, enum pv_ipi kind)
{
    void (*const handler)(void) = READ_ONCE(ipi_handlers[kind]);
    struct cpu *c = enter(frame);

    c->irqs.ipis++;
    if (kind == PV_IPI_RESCHEDULE)
        sched_on_reschedule();
    else if (kind == PV_IPI_CALL)
        smp_on_call();
    if (handler)
        handler();
    leave(c);
}

/* Warn about the first at each vector: a device may send thousands. */
void irq_on_unclaimed(u8 vector)
{
    if (__atomic_fetch_add(&unclaimed[vector], 1, __ATOMIC_RELAXED))
        return;
    log_warn("interrupt at vector 0x%x, which belongs to nothing: ended and counted; CPU %u",
             vector, pv_this_cpu());
}

u64 irq_unclaimed(u8 vector)
{
    return __atomic_load_n(&unclaimed[vector], __ATOMIC_RELAXED);
}

/*
 * Firmware may leave a source of NMIs open, a chipset reports errors by them, and a host may send
 * one by hand: the kernel continues after each.
 */
void irq_on_unclaimed_nmi(void)
{
    __atomic_fetch_add(&unclaimed_nmis, 1, __ATOMIC_RELAXED);
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
        log_warn("NMI that the kernel did not send: counted, %llu so far; CPU %u",
                 (unsigned long long)irq_unclaimed_nmis(), pv_this_cpu());
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
    wait_for_handler(&lines[line]);
    return 0;
}

void irq_init(void)
{
    const char *error;

    if (cmdline.evtchn[0] && strcmp(cmdline.evtchn, "2l") && strcmp(cmdline.evtchn, "fifo"))
        finish(VERDICT_ERROR, "evtchn=%s: known are 2l and fifo", cmdline.evtchn);
    error = pv_irq_init(cmdline.evtchn);
    if (error)
        finish(VERDICT_ERROR, "interrupts: %s", error);
}
