/*
 * Class 5 of the Xen PV backend: a vCPU is given its whole first state by VCPUOP_initialise
 * (xen/arch-x86/xen.h, struct vcpu_guest_context), and starts with it at VCPUOP_up.
 */
#include "pv/x86.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"

/* entry.S */
extern const u8 xen_pv_failsafe_stub[];

/*
 * No GDT of its own yet: the flat segments are Xen's. The stack is as after a call. IOPL 1 lets the
 * kernel at ports, as xen_pv_set_iopl does.
 */
const void *xen_pv_first_state(u32 cpu, const struct pv_cpu_start *start)
{
    static struct vcpu_guest_context context;
    struct vcpu_guest_context *const c = &context;

    (void)cpu;
    c->flags = VGCF_in_kernel | VGCF_failsafe_disables_events | VGCF_syscall_disables_events;
    c->user_regs.rip = (u64)start->entry;
    c->user_regs.rsp = start->stack_top - 8;
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->user_regs.rflags = RFLAGS_FIXED | RFLAGS_IF | 1 << 12;
    c->kernel_ss = FLAT_KERNEL_SS;
    c->kernel_sp = start->stack_top;
    c->gs_base_kernel = (u64)start->area;
    c->ctrlreg[3] = xen_pfn_to_cr3(xen_pv_p2m[xen_pv_kernel_root().n]);
    c->event_callback_eip = (u64)pv_vector_stubs[VECTOR_EVENT];
    c->failsafe_callback_eip = (u64)xen_pv_failsafe_stub;
    c->syscall_callback_eip = (u64)pv_vector_stubs[VECTOR_SYSCALL];
    xen_pv_fill_trap_table(c->trap_ctxt);
    return c;
}

static void xen_pv_cpu_enter(void)
{
    xen_pv_cpu_init();
    xen_pv_set_iopl(0);
    xen_cpu_enter();
}

static int xen_pv_send_nmi(u32 cpu)
{
    return xen_cpu_is_up(cpu) && !xen_vcpu_op(VCPUOP_send_nmi, cpu, NULL) ? 0 : -EINVAL;
}

const struct pv_smp_ops xen_pv_smp_ops = {
    XEN_SMP_OPS,
    .cpu_enter = xen_pv_cpu_enter,
    .send_nmi = xen_pv_send_nmi,
};
