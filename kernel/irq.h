/*
 * The one interrupt layer: a handler for a line (pv/ops/irq.def, irq_bind), whatever the line
 * stands for. Handlers run with interrupts disabled, on the stack that was interrupted, and MUST
 * leave them so.
 */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "kernel/cpu.h"

/* Makes the controllers work. Ends the run if they cannot. */
void irq_init(void);

/*
 * Gives the line a handler, called with data, and unmasks it. Returns 0, -EINVAL if there is no
 * such line, -EBUSY if it has a handler, -ENOSPC if its number is beyond what this table holds.
 */
int irq_request(u32 line, void (*handler)(void *data), void *data);

/*
 * Mask the line and take its handler away. Return 0, or -EINVAL if it had none. When this returns,
 * no CPU runs the handler, unless the handler itself is the caller. Context: any but NMI; the
 * handler MUST NOT wait for what the caller holds.
 */
int irq_release(u32 line);

/* Called for a kind of IPI, after what the kernel itself does for it; NULL for nobody. On any CPU.
 */
void irq_set_ipi_handler(enum pv_ipi kind, void (*handler)(void));

/* The callbacks. */
void irq_on_interrupt(struct trap_frame *frame, u32 line);
void irq_on_timer(struct trap_frame *frame);
void irq_on_ipi(struct trap_frame *frame, enum pv_ipi kind);
void irq_on_unclaimed(u8 vector);

/* Return how many interrupts came at a vector that belongs to nothing. */
u64 irq_unclaimed(u8 vector);

/* Count an NMI that the kernel did not send. Context: NMI. */
void irq_on_unclaimed_nmi(void);

/* Return how many there were, those before trap_init included. */
u64 irq_unclaimed_nmis(void);

/* Warn about them, once: in NMI context the console's lock may be held. */
void irq_report_nmis(void);

/* The frame that the interrupt being handled came with; NULL outside of handlers. */
const struct trap_frame *irq_frame(void);

#endif
