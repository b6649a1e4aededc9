/*
 * Interrupts at vectors that no part of this backend owns. Firmware, or a kernel before this one,
 * may have left one pending or in service; a device may send a message that was never set up; and
 * the controllers themselves send spurious ones, whose vector is not in service. A controller holds
 * back all interrupts of the same and lower priority until it gets an EOI for what is in service
 * (Intel SDM vol. 3, section 11.8.5; 8259A data sheet, "End of Interrupt").
 */
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

enum {
    NR_VECTORS = 256,
    FIRST_VECTOR = 16, /* the local APIC refuses those below */

    PIC1 = 0x20,
    PIC2 = 0xa0,
    PIC_PINS = 8,
    PIC_CASCADE = 2, /* the first one's pin for the second one */
    OCW2_EOI = 0x20, /* of the highest priority in service */
    OCW3_READ_ISR = 0x0b,
};

/* ISR and IRR registers: a bit for each vector, 32 in each register of 16 bytes. */
static bool apic_end(u32 vector)
{
    u32 bits = 0;

    if (vector < FIRST_VECTOR || native_apic_read(APIC_ISR + vector / 32 * 16, &bits) ||
        !(bits >> vector % 32 & 1))
        return false;
    native_apic_eoi();
    return true;
}

static bool pic_end(u16 port, u32 pin)
{
    outb(port, OCW3_READ_ISR);
    if (!(inb(port) >> pin & 1))
        return false;
    outb(port, OCW2_EOI);
    return true;
}

/* The first 8259 has served the second one's request, also if the second calls it spurious. */
static void pics_end(u32 irq)
{
    if (irq < PIC_PINS) {
        pic_end(PIC1, irq);
    } else {
        pic_end(PIC2, irq - PIC_PINS);
        pic_end(PIC1, PIC_CASCADE);
    }
}

bool native_end_unclaimed(u8 vector)
{
    if (!apic_end(vector))
        return false;
    pv_upcalls->unclaimed(vector);
    return true;
}

void native_end_spurious(u8 vector)
{
    if (vector >= VECTOR_8259 && vector < VECTOR_8259 + 2 * PIC_PINS)
        pics_end(vector - VECTOR_8259);
    pv_upcalls->unclaimed(vector);
}

/* The APIC ends the highest of them first. */
void native_end_left_over(void)
{
    for (u32 vector = NR_VECTORS; vector--;)
        native_end_unclaimed((u8)vector);
}
