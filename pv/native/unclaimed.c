/* SPDX-License-Identifier: MIT */
/*
 * Interrupts at vectors without an owner. They exist: firmware or an earlier kernel may have left
 * one pending or in service; a device may send a message that no driver has set up; and the
 * controllers send spurious ones, which are not in service.
 *
 * They must be ended. Until a controller receives an EOI for the interrupt in service, it does not
 * deliver others of the same or a lower priority (Intel SDM vol. 3, section 11.8.5; 8259A data
 * sheet, "End of Interrupt"). And an EOI too many would end another interrupt, so each function
 * here first reads whether the vector is in service.
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
    PIC_CASCADE = 2, /* the pin of the first 8259 to which the second one is connected */
    OCW2_EOI = 0x20, /* end the interrupt in service of the highest priority */
    OCW3_READ_ISR = 0x0b,
};

/* Return the ISR's register for vectors 32 * word to 32 * word + 31, a bit for each in service. */
static u32 in_service(u32 word)
{
    u32 bits = 0;

    native_apic_read(APIC_ISR + word * 16, &bits);
    return word ? bits : bits >> FIRST_VECTOR << FIRST_VECTOR;
}

/*
 * End an interrupt that was sent at the spurious vector. The local APIC of Bochs (docs/facts.md)
 * ignores an EOI while its own spurious vector is the highest in service, so it has another one
 * for the time of the EOI.
 */
static void end_at_spurious_vector(void)
{
    native_apic_set(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS_OTHER);
    native_apic_eoi();
    native_apic_set(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
}

static void apic_end(u32 vector)
{
    if (vector == VECTOR_SPURIOUS)
        end_at_spurious_vector();
    else
        native_apic_eoi();
    pv_callbacks->unclaimed((u8)vector);
}

static bool pic_end(u16 port, u32 pin)
{
    outb(port, OCW3_READ_ISR);
    if (!(inb(port) >> pin & 1))
        return false;
    outb(port, OCW2_EOI);
    return true;
}

/* The first 8259 has the cascade in service even if the second one's interrupt is spurious. */
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
    /* Most exceptions: no need to read the APIC. */
    if (vector < FIRST_VECTOR || !(in_service(vector / 32) >> vector % 32 & 1))
        return false;
    apic_end(vector);
    return true;
}

void native_end_spurious(u8 vector)
{
    if (vector >= VECTOR_8259 && vector < VECTOR_8259 + 2 * PIC_PINS)
        pics_end(vector - VECTOR_8259);
    pv_callbacks->unclaimed(vector);
}

/*
 * An EOI ends the highest vector in service. Each register is read once, because a read is 6,400
 * instructions where a hypervisor emulates the APIC.
 */
void native_end_left_over(void)
{
    for (u32 word = NR_VECTORS / 32; word--;)
        for (u32 bits = in_service(word); bits; bits &= ~(1u << (31 - __builtin_clz(bits))))
            apic_end(word * 32 + 31 - (u32)__builtin_clz(bits));
}
