/*
 * I/O APICs (Intel 82093AA data sheet, chapter 3): a pin has a 64-bit entry that says at which
 * vector of which CPU its interrupt arrives. Registers are reached through an index and a window.
 * The pair of 8259s that a PC starts with is moved away from the exceptions' vectors and masked for
 * good (8259A data sheet, "Initialization Command Words").
 */
#include "pv/native/io.h"
#include "pv/native/ioapic.h"
#include "pv/native/mmio.h"
#include "pv/native/vectors.h"
#include "pv/pv.h"

enum {
    IOAPIC_INDEX = 0x00,
    IOAPIC_WINDOW = 0x10,
    IOAPIC_VERSION = 0x01,
    IOAPIC_ENTRIES = 0x10, /* two registers a pin */

    ENTRY_ACTIVE_LOW = 1 << 13,
    ENTRY_LEVEL = 1 << 15,
    ENTRY_MASKED = 1 << 16,
    ENTRY_DESTINATION_SHIFT = 24,

    PIC1 = 0x20,
    PIC2 = 0xa0,
    ICW1_INIT_ICW4 = 0x11,
    ICW3_MASTER = 1 << 2,
    ICW3_SLAVE = 2,
    ICW4_8086 = 0x01,
};

static struct ioapic {
    u32 pa, gsi_base, pins;
} ioapics[MADT_IOAPICS_MAX];
static u32 nr_ioapics;

/* The register of this index, to be read and written until the next call. */
static volatile u32 *reg(u32 pa, u32 index)
{
    mmio_write32(pa + IOAPIC_INDEX, index);
    return mmio_at(pa + IOAPIC_WINDOW);
}

static const struct ioapic *owner_of(u32 gsi)
{
    for (const struct ioapic *i = ioapics; i < ioapics + nr_ioapics; i++)
        if (gsi - i->gsi_base < i->pins)
            return i;
    return NULL;
}

bool native_ioapic_has(u32 gsi)
{
    return owner_of(gsi) != NULL;
}

/* Half 0 or 1 of the pin's entry. */
static volatile u32 *entry(u32 gsi, u32 half)
{
    const struct ioapic *i = owner_of(gsi);

    return reg(i->pa, IOAPIC_ENTRIES + 2 * (gsi - i->gsi_base) + half);
}

void native_ioapic_route(u32 gsi, u8 vector, bool level, bool active_low, u32 apic_id)
{
    *entry(gsi, 0) = ENTRY_MASKED;
    *entry(gsi, 1) = apic_id << ENTRY_DESTINATION_SHIFT;
    *entry(gsi, 0) =
        vector | (active_low ? ENTRY_ACTIVE_LOW : 0) | (level ? ENTRY_LEVEL | ENTRY_MASKED : 0);
}

void native_ioapic_mask(u32 gsi, bool masked)
{
    volatile u32 *const low = entry(gsi, 0);

    *low = masked ? *low | ENTRY_MASKED : *low & ~(u32)ENTRY_MASKED;
}

static void disable_8259(u16 port, u8 vector, u8 icw3)
{
    outb(port, ICW1_INIT_ICW4);
    outb(port + 1, vector);
    outb(port + 1, icw3);
    outb(port + 1, ICW4_8086);
    outb(port + 1, 0xff);
}

void native_ioapic_init(const struct madt_info *madt)
{
    if (madt->has_8259) {
        disable_8259(PIC1, VECTOR_8259, ICW3_MASTER);
        disable_8259(PIC2, VECTOR_8259 + 8, ICW3_SLAVE);
    }
    nr_ioapics = madt->nr_ioapics;
    for (u32 i = 0; i < nr_ioapics; i++) {
        const u32 pa = madt->ioapics[i].pa, pins = (*reg(pa, IOAPIC_VERSION) >> 16 & 0xff) + 1;

        ioapics[i] = (struct ioapic){pa, madt->ioapics[i].gsi_base, pins};
        for (u32 pin = 0; pin < pins; pin++)
            *reg(pa, IOAPIC_ENTRIES + 2 * pin) = ENTRY_MASKED;
    }
}
