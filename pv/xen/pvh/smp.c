/*
 * Class 5 of the Xen PVH backend: Xen starts a vCPU in 64-bit mode with the registers that it is
 * told (xen/hvm/hvm_vcpu.h). Its interrupts are events, an NMI comes by its local APIC.
 */
#include "boot/layout.h"
#include "lib/string.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/x86.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pvh/xen_pvh.h"
#include <xen/hvm/hvm_vcpu.h>

static u32 apic_ids[PV_CPUS_MAX];

static void fill_context(struct vcpu_hvm_context *c, const struct pv_cpu_start *start)
{
    memset(c, 0, sizeof(*c));
    c->mode = VCPU_HVM_MODE_64B;
    c->cpu_regs.x86_64 = (struct vcpu_hvm_x86_64){
        .rip = (u64)native_start_here,
        .rsp = start->stack_top,
        .rdi = (u64)start->area,
        .rsi = (u64)start->entry,
        .rflags = RFLAGS_FIXED,
        .cr0 = read_cr0(),
        .cr3 = read_cr3(),
        .cr4 = read_cr4(),
        .efer = native_read_msr(MSR_EFER),
    };
}

static int xen_pvh_cpu_up(u32 cpu, const struct pv_cpu_start *start)
{
    const int again = xen_cpu_start(cpu, start);
    struct vcpu_hvm_context context;

    if (again < 0)
        return again;
    native_take_exception_stacks(cpu, start);
    if (again)
        return xen_cpu_go(cpu, 0);
    fill_context(&context, start);
    return xen_cpu_go(cpu, xen_vcpu_op(VCPUOP_initialise, cpu, &context));
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
    .smp_prepare = xen_smp_prepare,
    .cpu_count = xen_cpu_count,
    .cpu_describe = xen_cpu_describe,
    .cpu_up = xen_pvh_cpu_up,
    .cpu_enter = xen_pvh_cpu_enter,
    .cpu_leave = xen_cpu_leave,
    .cpu_down = xen_cpu_down,
    .cpu_is_up = xen_cpu_is_up,
    .send_ipi = xen_send_ipi,
    .send_nmi = xen_pvh_send_nmi,
};
