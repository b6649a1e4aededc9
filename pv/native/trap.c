/* SPDX-License-Identifier: MIT */
/*
 * Native exceptions and interrupts (Intel SDM vol. 3, chapter 6). The IDT's 256 gates lead to the
 * stubs of their vectors (pv/entry/vector_stubs.S), these to entry.S, and that to native_vector,
 * which decides by the vector who handles it:
 *
 * - NMI and #DB have handlers of their own.
 * - A vector with an owner is an interrupt: a line, an IPI, the timer, Xen's event upcall.
 * - A vector without an owner that is in service in the local APIC is an unclaimed interrupt: it is
 *   ended and reported (unclaimed.c). The local APIC accepts vectors from 16 on, so this is tested
 *   for exceptions, too.
 * - Other vectors below 32 are exceptions, and those that write_idt_entry opened are int.
 * - The rest are spurious interrupts.
 *
 * #DB, NMI, #DF and #MC have stacks of their own (exception_stack.c).
 */
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/selectors.h"
#include "pv/x86.h"

enum {
    GATE_INTERRUPT = 0x8e, /* present, DPL 0, 64-bit interrupt gate */
    GATE_DPL_SHIFT = 5,

    NR_EXCEPTIONS = 32,
    NR_VECTORS = 256,
};

struct gate {
    u16 offset_low;
    u16 selector;
    u8 ist;
    u8 type;
    u16 offset_middle;
    u32 offset_high;
    u32 reserved;
};

/* entry.S: where the stubs lead. */
extern const u8 native_exception[], native_exception_own_stack[];

/* Used by entry.S. */
void native_vector(struct trap_frame *frame);
extern void (*native_vector_owners[NR_VECTORS])(struct trap_frame *frame);

u64 native_ignored_interrupts; /* Atomic: added to by an atomic instruction */

/*
 * Atomic: all is written at boot on one CPU; later write_idt_entry stores one byte of a gate, the
 * one with its DPL. Other CPUs share the table.
 */
static struct gate idt[NR_VECTORS] __aligned(16);

/*
 * The owner of each vector from 32 on, or NULL. Atomic: each is stored before its vector is used,
 * and each CPU that starts stores the same again.
 */
void (*native_vector_owners[NR_VECTORS])(struct trap_frame *frame);

void native_set_vector_handler(u8 vector, void (*owner)(struct trap_frame *frame))
{
    WRITE_ONCE(native_vector_owners[vector], owner);
}

/* Turn breakpoints off until the end: a nested #DB would overwrite the frame on its stack. */
static void handle_debug(struct trap_frame *frame)
{
    __asm__ volatile("mov %0, %%dr7" : : "r"(DR7_FIXED));
    if (!native_end_user_step(frame))
        pv_callbacks->exception(frame, 0);
    __asm__ volatile("mov %0, %%dr7" : : "r"(native_dr7[pv_this_cpu()] | DR7_FIXED));
}

/* An interrupt at the hlt of safe_halt ends it: continue after the hlt (entry.S). */
static void handle_interrupt(struct trap_frame *frame)
{
    if (frame->rip == (u64)native_hlt)
        frame->rip++;
    native_vector_owners[frame->vector](frame);
    pv_callbacks->interrupts_done(frame);
}

/* Return true if user mode can raise the vector by int. */
static bool is_open_to_int(u8 vector)
{
    return idt[vector].type >> GATE_DPL_SHIFT & 3;
}

void native_vector(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_NMI)
        pv_callbacks->nmi(frame);
    else if (frame->vector == VECTOR_DB)
        handle_debug(frame);
    else if (native_vector_owners[frame->vector])
        handle_interrupt(frame);
    else if (native_end_unclaimed((u8)frame->vector))
        return;
    else if (frame->vector < NR_EXCEPTIONS || is_open_to_int((u8)frame->vector))
        pv_callbacks->exception(frame, frame->vector == VECTOR_PF ? read_cr2() : 0);
    else
        native_end_spurious((u8)frame->vector);
}

static void set_gate(u32 vector, u8 dpl)
{
    static const u8 own_stack[PV_EXCEPTION_STACKS] = {VECTOR_DB, VECTOR_NMI, VECTOR_DF, VECTOR_MC};
    const u64 offset = (u64)&pv_vector_stubs[vector][VECTOR_STUB_NATIVE];
    u8 ist = PV_EXCEPTION_STACKS; /* counted from 1 */

    while (ist && own_stack[ist - 1] != vector)
        ist--;
    idt[vector] = (struct gate){
        .offset_low = (u16)offset,
        .selector = KERNEL_CS,
        .ist = ist,
        .type = (u8)(GATE_INTERRUPT | dpl << GATE_DPL_SHIFT),
        .offset_middle = (u16)(offset >> 16),
        .offset_high = (u32)(offset >> 32),
    };
}

int native_write_idt_entry(u8 vector, u8 dpl)
{
    if (dpl != 0 && dpl != 3)
        return -EINVAL;
    if (dpl == 3 && native_vector_owners[vector])
        return -EBUSY;
    WRITE_ONCE(idt[vector].type, (u8)(GATE_INTERRUPT | dpl << GATE_DPL_SHIFT));
    return 0;
}

void native_load_idt(void)
{
    const struct descriptor_pointer pointer = {sizeof(idt) - 1, (u64)idt};

    __asm__ volatile("lidt %0" : : "m"(pointer));
}

/* Called again when another backend is forced. */
void native_trap_init(void)
{
    pv_vector_entry = native_exception;
    pv_vector_entry_isolated = native_exception_own_stack;
    native_use_boot_cpu_desc();
    native_use_boot_exception_stacks();
    native_load_boot_gdt();
    native_write_kernel_gs_base((u64)pv_this_area());
    for (u32 vector = 0; vector < NR_VECTORS; vector++)
        set_gate(vector, vector == VECTOR_BP || vector == VECTOR_OF ? 3 : 0);
    native_load_idt();
}
