/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and entries of a Xen PV guest.
 *
 * The IDT is Xen's. When an exception interrupts the guest, Xen's handler runs first. If the
 * exception is the guest's, Xen looks up the vector in the guest's trap table and makes the guest
 * continue there, as the CPU would at a gate. The table is an array of struct trap_info
 * (xen/arch-x86/xen.h), which the guest passes by the hypercall set_trap_table; Xen keeps a copy
 * for each vCPU. An entry has the vector, the DPL, the flag that says "mask events on entry", and
 * the address of the handler.
 *
 * The other entries are callbacks, registered by CALLBACKOP_register: the event upcall (irq.c),
 * syscall from 64-bit and from 32-bit code and sysenter (desc.c), and failsafe. Each leads to a
 * stub of a vector above 255 (pv/entry/vector_stubs.S), then to entry.S, and from there to
 * xen_pv_vector, as exceptions do.
 *
 * Xen builds the frame in the guest's memory: on the stack of load_sp0 if user mode was
 * interrupted, else below the interrupted stack pointer. Xen PV has no IST. So the kernel's stack
 * must be valid at every instruction, and a double fault does not exist: if Xen cannot write the
 * frame, it crashes the domain.
 *
 * Failsafe: when Xen resumes a vCPU it reloads ds, es, fs and gs, and a selector can fail to load,
 * because another vCPU has changed its descriptor. Xen then loads null, and enters the guest at the
 * failsafe callback instead of at the interrupted instruction (load_segments in Xen's domain.c).
 */
#include "pv/callbacks.h"
#include "pv/selectors.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"

enum {
    NR_VECTORS = 256,
    TRAP_MASK_EVENTS = 4, /* trap_info.flags: mask events on entry, as an interrupt gate does */
};

/* entry.S: where the vector stubs jump. */
extern const u8 xen_pv_exception[], xen_pv_exception_isolated[];

/* Handle a vector. Called by entry.S. */
void xen_pv_vector(struct trap_frame *frame);

static u8 gate_dpl[NR_VECTORS]; /* Atomic: bytes; Xen copies the table for each vCPU */

/*
 * Xen guesses the segments of a system call's frame; replace them by those that user mode has on
 * every backend. sysenter saves neither rip nor rsp: user code passes them in edx and ecx, by the
 * kernel's convention, and native entry code takes them from there too.
 */
static void xen_pv_syscall(struct trap_frame *frame)
{
    frame->cs = frame->vector == VECTOR_SYSCALL ? USER_CS : USER_CS32;
    frame->ss = USER_DS;
    if (frame->vector == VECTOR_SYSENTER) {
        frame->rip = (u32)frame->rdx;
        frame->rsp = (u32)frame->rcx;
    }
    pv_callbacks->syscall(frame);
}

/*
 * Xen puts the event mask of the interrupted code into bits 32 to 39 of cs; the CPU's frame has 0.
 */
void xen_pv_vector(struct trap_frame *frame)
{
    frame->cs = (u16)frame->cs;
    switch (frame->vector) {
    case VECTOR_EVENT:
        xen_event_upcall(frame);
        pv_callbacks->interrupts_done(frame);
        break;
    case VECTOR_SYSCALL:
    case VECTOR_SYSCALL32:
    case VECTOR_SYSENTER:
        xen_pv_syscall(frame);
        break;
    case VECTOR_FAILSAFE:
        pv_callbacks->failsafe(frame);
        break;
    case VECTOR_NMI:
        pv_callbacks->nmi(frame);
        break;
    case VECTOR_NM:
        xen_pv_note_nm_taken();
        pv_callbacks->exception(frame, 0);
        break;
    default:
        pv_callbacks->exception(frame, frame->vector == VECTOR_PF ? xen_vcpu_info()->arch.cr2 : 0);
    }
}

static struct trap_info trap_entry(u8 vector)
{
    return (struct trap_info){
        .vector = vector,
        .flags = TRAP_MASK_EVENTS | gate_dpl[vector],
        .cs = FLAT_KERNEL_CS,
        .address = (u64)pv_vector_stubs[vector],
    };
}

int xen_pv_write_idt_entry(u8 vector, u8 dpl)
{
    struct trap_info entry[2] = {0}; /* an entry with address 0 ends the table */

    if (dpl != 0 && dpl != 3)
        return -EINVAL;
    gate_dpl[vector] = dpl;
    entry[0] = trap_entry(vector);
    return xen_set_trap_table(entry) ? -EINVAL : 0;
}

void xen_pv_fill_trap_table(struct trap_info *table)
{
    for (u32 vector = 0; vector < NR_VECTORS; vector++)
        table[vector] = trap_entry((u8)vector);
}

/* The table is the same for each vCPU and never changes again. */
void xen_pv_load_idt(void)
{
    static struct trap_info table[NR_VECTORS + 1]; /* Atomic: every CPU stores the same */

    xen_pv_fill_trap_table(table);
    xen_set_trap_table(table);
}

void xen_pv_trap_init(void)
{
    pv_vector_entry = xen_pv_exception;
    pv_vector_entry_isolated = xen_pv_exception_isolated;
    gate_dpl[VECTOR_BP] = gate_dpl[VECTOR_OF] = 3;
    xen_pv_load_idt();
}
