/* See kernel/irq.h. */
#include "kernel/irq.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "kernel/user.h"
#include "kernel/verdict.h"
#include "lib/string.h"

#define LINES_MAX 8192

static struct {
    void (*handler)(void *data);
    void *data;
} lines[LINES_MAX];

static void (*ipi_handlers[PV_NR_IPIS])(void);

const struct trap_frame *irq_frame(void)
{
    return this_cpu()->irq_frame;
}

/* A backend that delivers with interrupts disabled, or delivers one inside another, is broken. */
static void enter(const struct trap_frame *frame)
{
    if (!(frame->rflags & PV_FLAG_IF))
        panic_frame(frame, "an interrupt came while interrupts were disabled");
    if (pv_save_fl() & PV_FLAG_IF)
        panic_frame(frame, "an interrupt's upcall was made with interrupts enabled");
    this_cpu()->irq_frame = frame;
    this_cpu()->hidden = fault_hide();
    this_cpu()->user_hidden = user_hide();
}

static void leave(const struct trap_frame *frame)
{
    if (pv_save_fl() & PV_FLAG_IF)
        panic_frame(frame, "a handler has enabled interrupts");
    this_cpu()->irq_frame = NULL;
    user_unhide(this_cpu()->user_hidden);
    fault_unhide(this_cpu()->hidden);
}

void irq_on_interrupt(struct trap_frame *frame, u32 line)
{
    enter(frame);
    irq_counts.interrupts++;
    if (line < LINES_MAX && lines[line].handler)
        lines[line].handler(lines[line].data);
    else
        irq_counts.unexpected++;
    leave(frame);
    pv_irq_eoi(line);
}

void irq_on_timer(struct trap_frame *frame)
{
    enter(frame);
    irq_counts.timers++;
    timer_interrupt();
    leave(frame);
}

void irq_on_ipi(struct trap_frame *frame, enum pv_ipi kind)
{
    enter(frame);
    irq_counts.ipis++;
    if (kind == PV_IPI_RESCHEDULE)
        sched_on_reschedule();
    else if (kind == PV_IPI_CALL)
        smp_on_call();
    if (ipi_handlers[kind])
        ipi_handlers[kind]();
    leave(frame);
}

void irq_on_interrupts_done(struct trap_frame *frame)
{
    sched_on_interrupts_done(frame);
}

void irq_set_ipi_handler(enum pv_ipi kind, void (*handler)(void))
{
    ipi_handlers[kind] = handler;
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
    lines[line].handler = NULL;
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
