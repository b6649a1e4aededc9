/* SPDX-License-Identifier: MIT */
/*
 * Native interrupts, from a device to a line.
 *
 * Three kinds of controllers are on the way:
 *
 *   device --- pin ---> I/O APIC --- vector, APIC id ---> local APIC of one CPU --- gate ---> stub
 *          --- pin ---> 8259 pair (off)
 *
 * - The local APIC (apic.c) belongs to a CPU. It receives vectors from I/O APICs, from other CPUs
 *   (IPIs) and from its own sources (timer, LINT0, LINT1). It delivers the highest one that is
 *   pending (a bit of its IRR) when RFLAGS.IF is set; the vector is then in service (a bit of its
 *   ISR) until the EOI, and until then no vector of the same or a lower priority is delivered.
 * - An I/O APIC (ioapic.c) has a pin for each wire. A pin's entry holds the vector and the CPU to
 *   which it sends, whether the wire is edge- or level-triggered, and a mask bit.
 * - The two 8259s are the PC's first controllers and are still active after a reset. They are moved
 *   to vectors of their own and masked, because they start at the vectors of exceptions.
 *
 * A line is a vector, VECTOR_LINES + line, that an I/O APIC's pin or this kernel itself
 * (PV_IRQ_SOFT) sends to the CPU that bound the line. native_vector_owners in trap.c
 * leads the vector to on_line, which calls the kernel. vectors.h shows what the other vectors are
 * for.
 *
 * How a line is masked depends on what remembers an interrupt that arrives in the meantime:
 *
 * - A soft or edge-triggered line stays unmasked at its source, because a masked pin forgets an
 *   edge. Its CPU takes the interrupt, finds the line masked, and records it in the line's state.
 * - A level-triggered line is masked at its pin, because the device repeats the interrupt until it
 *   is served. The device remembers: unmasking the pin makes its request arrive again.
 *
 * Any CPU may mask and unmask, and the line's CPU decides at the same time, so MASKED and PENDING
 * share one word that changes by atomic instructions only. They are totally ordered, so one of two
 * things happens to an interrupt of a masked line:
 *
 *   on_line sets PENDING before irq_unmask's exchange: the exchange returns PENDING, and irq_unmask
 *   sends the vector once more;
 *   on_line reads the state after the exchange: the line is not masked, and on_line delivers the
 *   interrupt.
 *
 * With two separate flags both sides could miss each other: on_line read "masked", irq_unmask
 * cleared it and found nothing pending, on_line then recorded an interrupt that no CPU delivered.
 *
 * A level-triggered line's state and pin change together under the lock, so that one CPU's mask and
 * another's unmask cannot leave an unmasked line with a masked pin.
 */
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/ioapic.h"
#include "pv/native/ipi.h"
#include "pv/native/native.h"
#include "pv/native/raw_lock.h"
#include "pv/native/vectors.h"

enum line_kind {
    LINE_FREE,
    LINE_SOFT,
    LINE_EDGE,
    LINE_LEVEL,
};

enum line_state {
    LINE_MASKED = 1 << 0,
    LINE_PENDING = 1 << 1, /* an interrupt arrived while the line was masked */
};

/* Guarded by: busy; state and kind as the head of this file explains. */
static struct line {
    enum line_kind kind; /* line_bind writes it last: the other fields are valid then */
    u32 state;
    u32 gsi;
    u32 cpu; /* the one that bound it, and receives it */
} lines[NR_LINES];

/*
 * Held while a line is bound or unbound, and around each use of an I/O APIC's index register.
 * Atomic: a raw_lock.
 */
static bool busy;

static u64 lock(void)
{
    return raw_lock(&busy);
}

static void unlock(u64 flags)
{
    raw_unlock(&busy, flags);
}

static struct line *line_of(u32 line)
{
    if (line >= NR_LINES || __atomic_load_n(&lines[line].kind, __ATOMIC_ACQUIRE) == LINE_FREE)
        return NULL;
    return &lines[line];
}

/* Record the interrupt of a masked line. Return false, and record nothing, if it is not masked. */
static bool line_set_pending(struct line *l)
{
    u32 state = __atomic_load_n(&l->state, __ATOMIC_SEQ_CST);

    while (state & LINE_MASKED)
        if (__atomic_compare_exchange_n(&l->state, &state, state | LINE_PENDING, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return true;
    return false;
}

/*
 * Deliver or record the interrupt of a line. If the line is free, or bound on another CPU, the
 * interrupt was sent before the line was last unbound, and is dropped.
 */
static void on_line(struct trap_frame *frame)
{
    const u32 line = (u32)frame->vector - VECTOR_LINES;
    struct line *l = line_of(line);

    if (!l || l->cpu != pv_this_cpu() || line_set_pending(l))
        pv_apic_eoi();
    else
        pv_callbacks->interrupt(frame, line);
}

static void on_ipi(struct trap_frame *frame)
{
    pv_apic_eoi();
    pv_callbacks->ipi(frame, (enum pv_ipi)(frame->vector - VECTOR_IPIS));
}

const char *native_irq_init(const char *abi)
{
    (void)abi;
    /*
     * The PICs are silenced before the local APIC's LINT0: QEMU 7.2 otherwise keeps a request that
     * it can no longer take back, and raises #GP with error -14 once interrupts are enabled.
     */
    native_ioapic_init(native_apic_config());
    if (!native_apic_init())
        return "the CPU has no local APIC";
    native_ipi_init(native_apic_config());
    for (u32 i = 0; i < NR_LINES; i++)
        native_set_vector_handler((u8)(VECTOR_LINES + i), on_line);
    native_set_vector_handler(VECTOR_FLUSH, native_on_flush);
    for (u32 i = 0; i < PV_NR_IPIS; i++)
        native_set_vector_handler((u8)(VECTOR_IPIS + i), on_ipi);
    return NULL;
}

static bool gsi_is_bound(u32 gsi)
{
    for (u32 i = 0; i < NR_LINES; i++)
        if (lines[i].kind >= LINE_EDGE && lines[i].gsi == gsi)
            return true;
    return false;
}

/* An interrupt from before irq_unbind may be pending in the APIC, where it cannot be withdrawn. */
static bool vector_is_pending(u32 vector)
{
    return native_apic_get(APIC_IRR + vector / 32 * 16) >> vector % 32 & 1;
}

static int line_bind(enum line_kind kind, u32 gsi, bool active_low)
{
    struct line *l = lines;
    u32 i = 0;

    if (kind != LINE_SOFT && (!native_ioapic_has(gsi) || native_apic_own_id() > IOAPIC_ID_MAX))
        return -ENODEV;
    if (kind != LINE_SOFT && gsi_is_bound(gsi))
        return -EBUSY;
    while (l->kind != LINE_FREE || vector_is_pending(VECTOR_LINES + i))
        if (l++, ++i == NR_LINES)
            return -ENOSPC;
    l->state = LINE_MASKED;
    l->gsi = gsi;
    l->cpu = pv_this_cpu();
    __atomic_store_n(&l->kind, kind, __ATOMIC_RELEASE);
    if (kind != LINE_SOFT)
        native_ioapic_route(gsi, (u8)(VECTOR_LINES + i), kind == LINE_LEVEL, active_low,
                            native_apic_own_id());
    return (int)i;
}

/* The UART's interrupt is an ISA interrupt. */
static int line_bind_source(enum pv_irq_source source, u32 number)
{
    const struct apic_isa_irq *isa;

    if (source == PV_IRQ_SOFT && !number)
        return line_bind(LINE_SOFT, 0, false);
    if (source == PV_IRQ_CONSOLE && !number) {
        number = native_console_listen();
        source = number ? PV_IRQ_ISA : PV_IRQ_CONSOLE;
    }
    if (source == PV_IRQ_CONSOLE)
        return number ? -EINVAL : -ENODEV;
    isa = &native_apic_config()->isa[number % NR_ISA_IRQS];
    if (source == PV_IRQ_ISA && number < NR_ISA_IRQS)
        return line_bind(isa->level ? LINE_LEVEL : LINE_EDGE, isa->gsi, isa->active_low);
    if (source == PV_IRQ_GSI)
        return line_bind(LINE_LEVEL, number, true);
    return -EINVAL;
}

int native_irq_bind(enum pv_irq_source source, u32 number)
{
    const u64 flags = lock();
    const int line = line_bind_source(source, number);

    unlock(flags);
    return line;
}

int native_irq_unbind(u32 line)
{
    struct line *l = line_of(line);
    u64 flags;

    if (!l)
        return -EINVAL;
    flags = lock();
    if (l->kind >= LINE_EDGE)
        native_ioapic_mask(l->gsi, true);
    __atomic_store_n(&l->kind, LINE_FREE, __ATOMIC_RELEASE);
    unlock(flags);
    return 0;
}

int native_irq_raise(u32 line)
{
    const struct line *l = line_of(line);

    if (!l || l->kind != LINE_SOFT)
        return -EINVAL;
    return native_send_vector(l->cpu, VECTOR_LINES + line);
}

static void line_mask_level(struct line *l, bool masked)
{
    const u64 flags = lock();

    __atomic_store_n(&l->state, masked ? LINE_MASKED : 0, __ATOMIC_SEQ_CST);
    native_ioapic_mask(l->gsi, masked);
    unlock(flags);
}

int native_irq_mask(u32 line)
{
    struct line *l = line_of(line);

    if (!l)
        return -EINVAL;
    if (l->kind == LINE_LEVEL)
        line_mask_level(l, true);
    else
        __atomic_fetch_or(&l->state, LINE_MASKED, __ATOMIC_SEQ_CST);
    return 0;
}

/* Unmask a line whose pending interrupt this kernel keeps. If its CPU is offline, keep both. */
static int unmask_kept(struct line *l, u32 vector)
{
    int error;

    if (!(__atomic_exchange_n(&l->state, 0, __ATOMIC_SEQ_CST) & LINE_PENDING))
        return 0;
    error = native_send_vector(l->cpu, vector);
    if (error)
        __atomic_fetch_or(&l->state, LINE_MASKED | LINE_PENDING, __ATOMIC_SEQ_CST);
    return error;
}

int native_irq_unmask(u32 line)
{
    struct line *l = line_of(line);

    if (!l)
        return -EINVAL;
    if (l->kind != LINE_LEVEL)
        return unmask_kept(l, VECTOR_LINES + line);
    line_mask_level(l, false);
    return 0;
}

/* The same EOI for every line: a CPU has at most one line's interrupt in service. */
void native_irq_eoi(u32 line)
{
    (void)line;
    native_apic_eoi();
}
