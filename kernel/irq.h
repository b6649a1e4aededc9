/* SPDX-License-Identifier: MIT */
/*
 * Interrupt handlers for lines (pv/ops/irq.def, irq_bind), on every platform alike. Handlers run
 * with interrupts disabled, on the stack of the interrupted thread, and MUST leave interrupts
 * disabled.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "kernel/cpu.h"

/* Set up the interrupt controllers or event channels. End the run if that fails. */
void irq_init(void);

/*
 * Give the line a handler, which is called with data, and unmask it. Return 0; -EINVAL if the line
 * does not exist; -EBUSY if it has a handler; -ENOSPC if its number is above the kernel's limit.
 */
int irq_request(u32 line, void (*handler)(void *data), void *data);

/*
 * Mask the line and remove its handler. Return 0, or -EINVAL if it has none. When this returns, no
 * CPU runs the handler, unless the caller is the handler itself. Context: any but NMI; the handler
 * MUST NOT wait for something that the caller holds.
 */
int irq_release(u32 line);

/* Return the address of the line's handler, 0 if it has none; how many lines there may be. */
u64 irq_handler_of(u32 line);
u32 irq_lines(void);

/*
 * Remove the handlers of all lines, which a restore has unbound (the op suspend). Context: on the
 * only CPU that is up, interrupts disabled.
 */
void irq_forget_lines(void);

/*
 * Set a function to be called for each IPI of a kind, on the CPU that receives it, after the
 * kernel's own work for that kind; NULL for none.
 */
void irq_set_ipi_handler(enum pv_ipi kind, void (*handler)(void));

/* The callbacks (pv/callbacks.h). */
void irq_on_interrupt(struct trap_frame *frame, u32 line);
void irq_on_timer(struct trap_frame *frame);
void irq_on_ipi(struct trap_frame *frame, enum pv_ipi kind);
void irq_on_unclaimed(u8 vector);

/* Return how many interrupts arrived at a vector that no line uses. */
u64 irq_unclaimed(u8 vector);

/* Count an NMI that the kernel did not send. Context: NMI. */
void irq_on_unclaimed_nmi(const struct trap_frame *frame);

/* Return how many there were, those before trap_init included. */
u64 irq_unclaimed_nmis(void);

/* Warn about them, once. Not done in the NMI, which may have interrupted the console's lock. */
void irq_report_nmis(void);

/*
 * Print the state of all CPUs if there was such an NMI since the last call. Context: any but NMI,
 * no spinlock held.
 */
void irq_report_state(void);
extern bool state_wanted;
static inline void irq_report_state_if_wanted(void)
{
    if (READ_ONCE(state_wanted))
        irq_report_state();
}

/* Return the frame of the interrupt that is being handled on this CPU; NULL outside of handlers. */
const struct trap_frame *irq_frame(void);

#endif
