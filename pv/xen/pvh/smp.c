/*
 * Class 5 of the Xen PVH backend: Xen starts a vCPU in 64-bit mode with the registers that it is
 * told (xen/hvm/hvm_vcpu.h). Its interrupts are events, an NMI comes by its local APIC.
 */
#include "boot/layout.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/x86.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pvh/xen_pvh.h"
#include <xen/hvm/hvm_vcpu.h>

static u32 apic_ids[PV_CPUS_MAX];

const void *xen_pvh_first_state(u32 cpu, const struct pv_cpu_start *start)
{
    static struct vcpu_hvm_context c;
    struct vcpu_hvm_x86_64 *const regs = &c.cpu_regs.x86_64;

    native_take_exception_stacks(cpu, start);
    c.mode = VCPU_HVM_MODE_64B;
    regs->rip = (u64)native_start_here;
    regs->rsp = start->stack_top;
    regs->rdi = (u64)start->area;
    regs->rsi = (u64)start->entry;
    regs->rflags = RFLAGS_FIXED;
    regs->cr0 = read_cr0();
    regs->cr3 = read_cr3();
    regs->cr4 = read_cr4();
    regs->efer = native_read_msr(MSR_EFER);
    return &c;
}

static void xen_pvh_cpu_enter(void)
{
    xen_pvh_irq_init_cpu();
    apic_ids[pv_this_cpu()] = native_apic_own_id();
    xen_cpu_enter();
}

static int xen_pvh_send_nmi(u32 cpu)
{
    if (!xen_cpu_is_up(cpu))
        return -EINVAL;
    return native_apic_icr(apic_ids[cpu], ICR_ASSERT | ICR_NMI);
}

const struct pv_smp_ops xen_pvh_smp_ops = {
    XEN_SMP_OPS,
    .cpu_enter = xen_pvh_cpu_enter,
    .send_nmi = xen_pvh_send_nmi,
};
