/*
 * Native interrupts: the flag is RFLAGS.IF; a line is a vector, fed by an I/O APIC's pin or by this
 * kernel itself (PV_IRQ_SOFT). A line that is masked takes its interrupt and remembers it, since an
 * edge that a masked pin sees is lost; only a level-triggered pin, which would come again at once,
 * is masked at the I/O APIC.
 */
#include "lib/string.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/ioapic.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

enum line_kind {
    LINE_FREE,
    LINE_SOFT,
    LINE_EDGE,
    LINE_LEVEL,
};

static struct line {
    enum line_kind kind;
    bool masked;
    bool waiting; /* came while it was masked */
    u32 gsi;
    u32 cpu; /* that bound it */
} lines[NR_LINES];

/* Held while a line's life begins or ends, and over each use of an I/O APIC's index register. */
static bool busy;

static struct madt_info madt;

static u64 lock(void)
{
    const u64 flags = irq_save();

    while (__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE))
        __asm__ volatile("pause");
    return flags;
}

static void unlock(u64 flags)
{
    __atomic_clear(&busy, __ATOMIC_RELEASE);
    irq_restore(flags);
}

static void mask_pin(const struct line *l, bool masked)
{
    const u64 flags = lock();

    native_ioapic_mask(l->gsi, masked);
    unlock(flags);
}

static struct line *line_of(u32 line)
{
    return line < NR_LINES && lines[line].kind != LINE_FREE ? &lines[line] : NULL;
}

/* One that comes to another CPU than the line's is of the line's last life, bound there. */
static void on_line(struct trap_frame *frame)
{
    const u32 line = (u32)frame->vector - VECTOR_LINES;

    if (lines[line].cpu != pv_this_cpu()) {
        native_apic_eoi();
        return;
    }
    if (lines[line].kind == LINE_FREE || lines[line].masked) {
        lines[line].waiting = true;
        native_apic_eoi();
        return;
    }
    pv_upcalls->interrupt(frame, line);
}

static void on_ipi(struct trap_frame *frame)
{
    native_apic_eoi();
    pv_upcalls->ipi(frame, (enum pv_ipi)(frame->vector - VECTOR_IPIS));
}

const char *native_irq_init(const char *abi)
{
    (void)abi;
    /*
     * The PICs are silenced before the local APIC's LINT0: QEMU 7.2 otherwise keeps a request that
     * it can no longer take back, and raises #GP with error -14 once interrupts are enabled.
     */
    native_ioapic_init(&madt);
    if (!native_apic_init())
        return "the CPU has no local APIC";
    native_smp_learn(&madt);
    for (u32 i = 0; i < NR_LINES; i++)
        native_own_vector((u8)(VECTOR_LINES + i), on_line);
    native_own_vector(VECTOR_FLUSH, native_on_flush);
    for (u32 i = 0; i < PV_NR_IPIS; i++)
        native_own_vector((u8)(VECTOR_IPIS + i), on_ipi);
    return NULL;
}

/* Called by the op platform_init: irq_init has no boot_info. */
void native_irq_learn(const struct acpi_header *table)
{
    madt_parse(table, &madt);
}

static bool gsi_is_bound(u32 gsi)
{
    for (u32 i = 0; i < NR_LINES; i++)
        if (lines[i].kind >= LINE_EDGE && lines[i].gsi == gsi)
            return true;
    return false;
}

/* An interrupt of the line's last life may still wait in the APIC, and nothing can take it back. */
static bool vector_waits(u32 vector)
{
    return native_apic_get(APIC_IRR + vector / 32 * 16) >> vector % 32 & 1;
}

static int bind(enum line_kind kind, u32 gsi, bool active_low)
{
    u32 i = 0;

    if (kind != LINE_SOFT && !native_ioapic_has(gsi))
        return -ENODEV;
    if (kind != LINE_SOFT && gsi_is_bound(gsi))
        return -EBUSY;
    while (lines[i].kind != LINE_FREE || vector_waits(VECTOR_LINES + i))
        if (++i == NR_LINES)
            return -ENOSPC;
    lines[i] = (struct line){.kind = kind, .masked = true, .gsi = gsi, .cpu = pv_this_cpu()};
    if (kind != LINE_SOFT)
        native_ioapic_route(gsi, (u8)(VECTOR_LINES + i), kind == LINE_LEVEL, active_low,
                            native_apic_own_id());
    return (int)i;
}

static int bind_source(enum pv_irq_source source, u32 number)
{
    const struct madt_isa_irq *isa = madt.isa + number % NR_ISA_IRQS;

    if (source == PV_IRQ_SOFT && !number)
        return bind(LINE_SOFT, 0, false);
    if (source == PV_IRQ_ISA && number < NR_ISA_IRQS)
        return bind(isa->level ? LINE_LEVEL : LINE_EDGE, isa->gsi, isa->active_low);
    if (source == PV_IRQ_GSI)
        return bind(LINE_LEVEL, number, true);
    return -EINVAL;
}

int native_irq_bind(enum pv_irq_source source, u32 number)
{
    const u64 flags = lock();
    const int line = bind_source(source, number);

    unlock(flags);
    return line;
}

int native_irq_unbind(u32 line)
{
    struct line *l = line_of(line);

    if (!l)
        return -EINVAL;
    if (l->kind != LINE_SOFT)
        mask_pin(l, true);
    WRITE_ONCE(l->kind, LINE_FREE);
    return 0;
}

int native_irq_raise(u32 line)
{
    const struct line *l = line_of(line);

    if (!l || l->kind != LINE_SOFT)
        return -EINVAL;
    return native_send_vector(l->cpu, VECTOR_LINES + line);
}

int native_irq_mask(u32 line)
{
    struct line *l = line_of(line);

    if (!l)
        return -EINVAL;
    WRITE_ONCE(l->masked, true);
    if (l->kind == LINE_LEVEL)
        mask_pin(l, true);
    return 0;
}

/* The order matters: an interrupt after "masked" has fallen is delivered, one before it has set
 * waiting. */
int native_irq_unmask(u32 line)
{
    struct line *l = line_of(line);

    if (!l)
        return -EINVAL;
    WRITE_ONCE(l->masked, false);
    if (l->kind == LINE_LEVEL)
        mask_pin(l, false);
    if (!READ_ONCE(l->waiting))
        return 0;
    l->waiting = false;
    return native_send_vector(l->cpu, VECTOR_LINES + line);
}

/* The CPU has at most one line in service: its handler runs with interrupts disabled. */
void native_irq_eoi(u32 line)
{
    (void)line;
    native_apic_eoi();
}
