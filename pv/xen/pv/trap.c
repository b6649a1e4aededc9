/*
 * Exceptions of a Xen PV guest: a table of handlers registered by hypercall (xen/arch-x86/xen.h,
 * struct trap_info) takes the place of the IDT. Xen pushes the frame on the interrupted stack if
 * the kernel was interrupted: there is no IST, and no double fault.
 */
#include "pv/selectors.h"
#include "pv/callbacks.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"

enum {
    NR_VECTORS = 256,
    VECTOR_NMI = 2,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_NM = 7,
    VECTOR_PF = 14,

    TRAP_MASK_EVENTS = 4, /* trap_info.flags: as an interrupt gate does */
};

/* entry.S: where the stubs lead. */
extern const u8 xen_pv_exception[], xen_pv_exception_isolated[];

/* Called by entry.S. */
void xen_pv_vector(struct trap_frame *frame);

static u8 gate_dpl[NR_VECTORS]; /* Atomic: bytes; Xen is given a copy for each CPU */

/*
 * Xen's guess of a system call's segments is replaced by what user mode has on every backend. Of
 * sysenter Xen does not know rip and rsp: they are where native entry code takes them from, too.
 */
static void syscall(struct trap_frame *frame)
{
    frame->cs = frame->vector == VECTOR_SYSCALL ? USER_CS : USER_CS32;
    frame->ss = USER_DS;
    if (frame->vector == VECTOR_SYSENTER) {
        frame->rip = (u32)frame->rdx;
        frame->rsp = (u32)frame->rcx;
    }
    pv_callbacks->syscall(frame);
}

/* Above cs Xen puts the event mask of the interrupted code; the frame is to look as the CPU's does.
 */
void xen_pv_vector(struct trap_frame *frame)
{
    trap_frame_number(frame);
    frame->cs = (u16)frame->cs;
    switch (frame->vector) {
    case VECTOR_EVENT:
        xen_event_upcall(frame);
        pv_callbacks->interrupts_done(frame);
        break;
    case VECTOR_SYSCALL:
    case VECTOR_SYSCALL32:
    case VECTOR_SYSENTER:
        syscall(frame);
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
    struct trap_info entry[2] = {0}; /* one with address 0 ends the table */

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

/* The table is the same for each vCPU, and stays so. */
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
