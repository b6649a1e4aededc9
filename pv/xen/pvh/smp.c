/* SPDX-License-Identifier: MIT */
/*
 * The first state of a PVH vCPU (xen/hvm/hvm_vcpu.h, struct vcpu_hvm_context). pv/xen/smp.c passes
 * it to VCPUOP_initialise. The vCPU begins in 64-bit mode at native_ap_entry64 with this CPU's
 * control registers; rdi and rsi are that entry's arguments.
 */
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/x86.h"
#include "pv/xen/pvh/xen_pvh.h"
#include <xen/hvm/hvm_vcpu.h>

const void *xen_pvh_initial_vcpu_context(u32 cpu, const struct pv_cpu_start *start)
{
    static struct vcpu_hvm_context c; /* Guarded by: the contract of cpu_up, one call at a time */
    struct vcpu_hvm_x86_64 *const regs = &c.cpu_regs.x86_64;

    (void)cpu;
    native_set_exception_stacks(start);
    c.mode = VCPU_HVM_MODE_64B;
    regs->rip = (u64)native_ap_entry64;
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
