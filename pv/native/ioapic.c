/* SPDX-License-Identifier: MIT */
/*
 * I/O APICs (Intel 82093AA data sheet, chapter 3): each pin has a 64-bit entry with the vector and
 * the CPU to which its interrupt is sent. Registers are reached through an index and a window.
 *
 * The two 8259s with which a PC starts are moved away from the vectors of exceptions and then
 * masked (8259A data sheet, "Initialization Command Words").
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
    PINS_MAX = (0x100 - IOAPIC_ENTRIES) / 2,

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
    ALL_PINS = 0xff,
    ALL_BUT_CASCADE = 0xfb,

    IMCR_INDEX = 0x22,
    IMCR_DATA = 0x23,
    IMCR = 0x70,
    IMCR_APIC = 1,
};

/* Written: by native_ioapic_init, on one CPU. */
static struct ioapic {
    u32 pa, gsi_base, pins;
} ioapics[APIC_IOAPICS_MAX];
static u32 nr_ioapics;

/* Select the register of this index; return its address, which is valid until the next call. */
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

/* Select half 0 or 1 of the pin's entry; return its address. */
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
    outb(port + 1, ALL_PINS);
}

/* Return true if an 8259 exists: its mask keeps what is written. A missing port reads as ones. */
static bool pic_answers(void)
{
    outb(PIC2 + 1, ALL_PINS);
    outb(PIC1 + 1, ALL_BUT_CASCADE);
    return inb(PIC1 + 1) == ALL_BUT_CASCADE;
}

/*
 * Return how many pins the I/O APIC has, or 0 if it does not answer. A missing device reads as
 * ones, which would be more pins than an index reaches, or in some emulators as zeros.
 */
static u32 count_pins(u32 pa)
{
    const u32 version = *reg(pa, IOAPIC_VERSION), pins = (version >> 16 & 0xff) + 1;

    return version && pins <= PINS_MAX ? pins : 0;
}

static void start_ioapic(const struct apic_ioapic *listed)
{
    const u32 pa = listed->pa, pins = count_pins(pa);

    if (!pins) {
        pv_warn("I/O APIC at %#x is ignored: it does not answer", pa);
        return;
    }
    ioapics[nr_ioapics++] = (struct ioapic){pa, listed->gsi_base, pins};
    for (u32 pin = 0; pin < pins; pin++)
        *reg(pa, IOAPIC_ENTRIES + 2 * pin) = ENTRY_MASKED;
}

/* The IMCR routes the interrupt pins (MultiProcessor Specification, section 3.6.2.1). */
void native_ioapic_init(const struct apic_config *config)
{
    if (config->has_8259 || pic_answers()) { /* a MADT may not list an 8259 that exists */
        disable_8259(PIC1, VECTOR_8259, ICW3_MASTER);
        disable_8259(PIC2, VECTOR_8259 + 8, ICW3_SLAVE);
    }
    if (config->has_imcr) {
        outb(IMCR_INDEX, IMCR);
        outb(IMCR_DATA, IMCR_APIC);
    }
    for (u32 i = 0; i < config->nr_ioapics; i++)
        start_ioapic(&config->ioapics[i]);
    if (!nr_ioapics)
        pv_warn("no I/O APIC: no device's interrupt reaches this kernel");
}
