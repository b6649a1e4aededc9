/*
 * Interrupts of a Xen PV guest. The flag is the byte evtchn_upcall_mask in the vCPU's part of the
 * shared page: cli and sti would do nothing at best. The upcall arrives at the callback in entry.S.
 */
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/vcpu_info.h"
#include "pv/xen/pv/xen_pv.h"

/* entry.S */
void xen_pv_force_upcall(void);

#define VCPU_FIELD(field) (CPU_AREA_SHARED + offsetof(struct vcpu_info, field))
_Static_assert(VCPU_PENDING == VCPU_FIELD(evtchn_upcall_pending), "assembly knows the layout");
_Static_assert(VCPU_MASK == VCPU_FIELD(evtchn_upcall_mask), "assembly knows the layout");
_Static_assert(VCPU_CR2 == VCPU_FIELD(arch.cr2), "assembly knows the layout");

u64 xen_pv_save_fl(void)
{
    u8 mask;

    __asm__ volatile("movb %%gs:%c1, %0" : "=q"(mask) : "i"(VCPU_MASK) : "memory");
    return mask ? 0 : PV_FLAG_IF;
}

/* One instruction: two would find the byte of one CPU and change it when running on another. */
void xen_pv_irq_disable(void)
{
    __asm__ volatile("movb $1, %%gs:%c0" : : "i"(VCPU_MASK) : "memory");
}

/*
 * Unmask, then look, in this order: an event that comes before the store is found by the look, one
 * that comes after it makes its upcall itself. A look that comes too late forces an upcall with
 * nothing to do, which is harmless. The processor need not be told to keep the order, since Xen
 * looks at the mask on this CPU only. Two stores, never one of both bytes: that could overwrite a
 * pending byte which another CPU has just set. If the thread is moved between the two, the CPU that
 * it left has taken an interrupt, and with it all that waited there.
 */
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

/* Xen clears the mask and blocks in one step, unless an event waits. */
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
