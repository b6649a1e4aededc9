/*
 * Exceptions of a Xen PV guest: a table of handlers registered by hypercall (xen/arch-x86/xen.h,
 * struct trap_info) takes the place of the IDT. Xen pushes the frame on the interrupted stack if
 * the kernel was interrupted: there is no IST, and no double fault.
 */
#include "pv/upcalls.h"
#include "pv/xen/event_vector.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"

enum {
    NR_EXCEPTIONS = 32,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_PF = 14,

    TRAP_MASK_EVENTS = 4, /* trap_info.flags: as an interrupt gate does */
};

/* entry.S: the addresses of the stubs, by vector. */
extern const u64 xen_pv_exception_stubs[NR_EXCEPTIONS];

/* Called by entry.S. */
void xen_pv_vector(struct trap_frame *frame);

/* Above cs Xen puts the event mask of the interrupted code; the frame is to look as the CPU's does.
 */
void xen_pv_vector(struct trap_frame *frame)
{
    frame->cs = (u16)frame->cs;
    if (frame->vector == XEN_EVENT_VECTOR)
        xen_event_upcall(frame);
    else
        pv_upcalls->exception(
            frame, frame->vector == VECTOR_PF ? xen_shared_info->vcpu_info[0].arch.cr2 : 0);
}

void xen_pv_trap_init(void)
{
    static struct trap_info table[NR_EXCEPTIONS + 1]; /* one with address 0 ends it */

    for (u8 vector = 0; vector < NR_EXCEPTIONS; vector++)
        table[vector] = (struct trap_info){
            .vector = vector,
            .flags = TRAP_MASK_EVENTS | (vector == VECTOR_BP || vector == VECTOR_OF ? 3 : 0),
            .cs = FLAT_KERNEL_CS,
            .address = xen_pv_exception_stubs[vector],
        };
    xen_set_trap_table(table);
}
