/* SPDX-License-Identifier: MIT */
/*
 * The first state of a Xen PV vCPU (xen/arch-x86/xen.h, struct vcpu_guest_context). pv/xen/smp.c
 * passes it to VCPUOP_initialise.
 */
#include "pv/x86.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"

/*
 * The vCPU begins in start->entry, which loads its own GDT and registers the other callbacks; until
 * then the segments are the flat ones of Xen's part of the GDT. The stack pointer is as after a
 * call. IOPL 1 permits port I/O, as xen_pv_set_iopl(0) does.
 */
const void *xen_pv_initial_vcpu_context(u32 cpu, const struct pv_cpu_start *start)
{
    /* Guarded by: the contract of cpu_up, one call at a time. Static because it is 5 KiB. */
    static struct vcpu_guest_context context;
    struct vcpu_guest_context *const c = &context;

    (void)cpu;
    c->flags = VGCF_in_kernel;
    c->user_regs.rip = (u64)start->entry;
    c->user_regs.rsp = start->stack_top - 8;
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->user_regs.rflags = RFLAGS_FIXED | RFLAGS_IF | 1 << 12;
    c->kernel_ss = FLAT_KERNEL_SS;
    c->kernel_sp = start->stack_top;
    c->gs_base_kernel = (u64)start->area;
    c->ctrlreg[3] = xen_pfn_to_cr3(xen_pv_p2m[xen_pv_kernel_root.n]);
    c->event_callback_eip = (u64)pv_vector_stubs[VECTOR_EVENT];
    xen_pv_fill_trap_table(c->trap_ctxt);
    return c;
}

int xen_pv_send_nmi(u32 cpu)
{
    return xen_vcpu_op(VCPUOP_send_nmi, cpu, NULL) ? -EINVAL : 0;
}
