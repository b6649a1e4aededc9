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

static struct {
    u64 pa;
    u32 gsi_base, pins;
} ioapics[MADT_IOAPICS_MAX];
static u32 nr_ioapics;

static u32 read_reg(u64 pa, u32 index)
{
    mmio_write32(pa + IOAPIC_INDEX, index);
    return mmio_read32(pa + IOAPIC_WINDOW);
}

static void write_reg(u64 pa, u32 index, u32 value)
{
    mmio_write32(pa + IOAPIC_INDEX, index);
    mmio_write32(pa + IOAPIC_WINDOW, value);
}

/* Which I/O APIC has this GSI: an index, or nr_ioapics. */
static u32 owner_of(u32 gsi)
{
    u32 i = 0;

    while (i < nr_ioapics && gsi - ioapics[i].gsi_base >= ioapics[i].pins)
        i++;
    return i;
}

bool native_ioapic_has(u32 gsi)
{
    return owner_of(gsi) < nr_ioapics;
}

static void write_low(u32 gsi, u32 low)
{
    const u32 i = owner_of(gsi);

    write_reg(ioapics[i].pa, IOAPIC_ENTRIES + 2 * (gsi - ioapics[i].gsi_base), low);
}

void native_ioapic_route(const struct ioapic_route *route, bool masked)
{
    const u32 i = owner_of(route->gsi);

    write_low(route->gsi, ENTRY_MASKED);
    write_reg(ioapics[i].pa, IOAPIC_ENTRIES + 2 * (route->gsi - ioapics[i].gsi_base) + 1,
              route->apic_id << ENTRY_DESTINATION_SHIFT);
    write_low(route->gsi, route->vector | (route->active_low ? ENTRY_ACTIVE_LOW : 0) |
                              (route->level ? ENTRY_LEVEL : 0) | (masked ? ENTRY_MASKED : 0));
}

void native_ioapic_mask(u32 gsi, bool masked)
{
    const u32 i = owner_of(gsi);
    const u32 low = read_reg(ioapics[i].pa, IOAPIC_ENTRIES + 2 * (gsi - ioapics[i].gsi_base));

    write_low(gsi, masked ? low | ENTRY_MASKED : low & ~(u32)ENTRY_MASKED);
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
    nr_ioapics = 0;
    for (u32 i = 0; i < madt->nr_ioapics; i++) {
        const u64 pa = madt->ioapics[i].pa;
        const u32 pins = (read_reg(pa, IOAPIC_VERSION) >> 16 & 0xff) + 1;

        ioapics[nr_ioapics].pa = pa;
        ioapics[nr_ioapics].gsi_base = madt->ioapics[i].gsi_base;
        ioapics[nr_ioapics++].pins = pins;
        for (u32 pin = 0; pin < pins; pin++)
            write_reg(pa, IOAPIC_ENTRIES + 2 * pin, ENTRY_MASKED);
    }
}
