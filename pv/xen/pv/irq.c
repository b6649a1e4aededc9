/* SPDX-License-Identifier: MIT */
/*
 * The interrupt flag of a Xen PV guest.
 *
 * The kernel runs at CPL 3, where cli faults; Xen takes the fault and ignores the instruction, and
 * RFLAGS.IF is always set. In its place Xen looks at a byte of memory, evtchn_upcall_mask in the
 * vCPU's vcpu_info: while it is 1, Xen does not call the event callback. Two neighbouring bytes
 * make up the state of a vCPU:
 *
 *   %gs:VCPU_PENDING   evtchn_upcall_pending   Xen sets it, the event handler clears it
 *   %gs:VCPU_MASK      evtchn_upcall_mask      0 if interrupts are enabled
 *
 * Xen reads them only when it is about to return to this vCPU: after a hypercall, an exception or a
 * physical interrupt. It calls the callback if pending is set and mask is 0. A guest that stores 0
 * to mask does not enter Xen, so it must look by itself whether an event has become pending while
 * the mask was 1. irq_enable is therefore
 *
 *       mask = 0;                        (1)
 *       if (pending)                     (2)
 *           enter Xen by any hypercall;  (3)
 *
 * The order matters. Take an event that arrives at some moment:
 *
 *   before (1)            Xen finds mask set and leaves it pending. (2) sees it, (3) delivers it.
 *   between (1) and (2)   Xen interrupts the vCPU in order to notify it, finds mask 0 and delivers.
 *                         The handler clears pending, and (2) sees 0. Should the notification be a
 *                         moment late, (2) sees 1, and (3) is one hypercall that was not needed.
 *   after (2)             Xen delivers it.
 *
 * With (2) before (1), an event between the two would stay pending until something else enters Xen,
 * which may take as long as the kernel computes without a trap.
 *
 * No memory barrier is needed, although (1) is a store and (2) a load that the CPU may execute
 * earlier. Only Xen reads mask, and it does so on the physical CPU that runs this vCPU, which sees
 * its own store; and the notification of an event is an interrupt of that CPU, before or after
 * which each of the two instructions has retired as a whole.
 *
 * Each access is one instruction by %gs. With two instructions, one for the address and one for the
 * access, a thread that migrates in between would change the mask of the CPU that it left. And (1)
 * and the handler's store are byte stores: a 16-bit store of both would overwrite a pending byte
 * that another CPU has set at this moment. If the thread migrates between (1) and (2), it does so
 * in an interrupt, which has handled the events of the CPU that it left.
 *
 * Two implementations exist of each op here. The C function is what an unpatched call runs. The
 * patch template in templates.S is the same code in place of the call, which a C function cannot
 * be, because a compiler ends it with a return and takes the registers that it likes. Keep the two
 * the same; test/patch/ runs the ops both ways.
 */
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"

/* entry.S: enter Xen, which calls the event callback on the way back. Keeps every register. */
void xen_pv_force_upcall(void);

/* Offsets from %gs, where the vCPU's shared struct is. */
enum {
    VCPU_PENDING = CPU_AREA(shared) + offsetof(struct vcpu_info, evtchn_upcall_pending),
    VCPU_MASK = CPU_AREA(shared) + offsetof(struct vcpu_info, evtchn_upcall_mask),
};

u64 xen_pv_save_fl(void)
{
    u8 mask;

    __asm__ volatile("movb %%gs:%c1, %0" : "=q"(mask) : "i"(VCPU_MASK) : "memory");
    return mask ? 0 : PV_FLAG_IF;
}

void xen_pv_irq_disable(void)
{
    __asm__ volatile("movb $1, %%gs:%c0" : : "i"(VCPU_MASK) : "memory");
}

void xen_pv_irq_enable(void)
{
    u8 pending;

    __asm__ volatile("movb $0, %%gs:%c1\n\t"
                     "movb %%gs:%c2, %0"
                     : "=q"(pending)
                     : "i"(VCPU_MASK), "i"(VCPU_PENDING)
                     : "memory");
    if (pending)
        xen_pv_force_upcall();
}

void xen_pv_restore_fl(u64 flags)
{
    if (flags & PV_FLAG_IF)
        xen_pv_irq_enable();
    else
        xen_pv_irq_disable();
}

/*
 * SCHEDOP_block clears the mask and blocks in one step; if an event is pending it returns at once.
 */
void xen_pv_safe_halt(void)
{
    xen_sched_op(SCHEDOP_block, NULL, 0);
}

const struct pv_flag_ops xen_pv_flag_ops = {
    .save_fl = xen_pv_save_fl,
    .restore_fl = xen_pv_restore_fl,
    .irq_disable = xen_pv_irq_disable,
    .irq_enable = xen_pv_irq_enable,
    .safe_halt = xen_pv_safe_halt,
};

const char *xen_pv_set_event_callback(void)
{
    xen_pv_cpu_init();
    xen_pv_register_callback(CALLBACKTYPE_event, pv_vector_stubs[VECTOR_EVENT]);
    return NULL;
}
