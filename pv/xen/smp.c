/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs of both Xen backends: start and stop them, and send them IPIs.
 *
 * A vCPU starts in two hypercalls, and no INIT, SIPI or real-mode code is involved:
 *
 *   VCPUOP_initialise   gives Xen the vCPU's complete first state, once in the vCPU's life.
 *   VCPUOP_up           makes it runnable; Xen's scheduler chooses when and where it runs.
 *
 * What "complete" means differs (initial_vcpu_context of struct xen_variant):
 *
 *   PV    struct vcpu_guest_context: the registers, the kernel's stack, the root page table, the
 *         trap table and the callbacks. The vCPU begins in the kernel's C code, with events masked,
 *         on the flat segments of Xen's own GDT (pv/smp.c).
 *   PVH   struct vcpu_hvm_context: control registers and general registers in the mode of our
 *         choice, here 64-bit mode with paging. The vCPU begins at native_ap_entry64, the point at
 *         which a CPU of a bare machine arrives from its 16-bit start, and loads GDT, IDT and task
 *         register as that one does (pvh/smp.c).
 *
 * Before the first of these, VCPUOP_register_vcpu_info moves the vCPU's vcpu_info into its CPU
 * area, so that from its first instruction on the vCPU finds its event mask by %gs.
 *
 * A vCPU stops by VCPUOP_down. This is a pause, not a reset: VCPUOP_up later lets it return from
 * that hypercall. So a CPU that goes offline calls VCPUOP_down in xen_cpu_leave, and when the call
 * returns it switches to the stack and the entry of its next start. A vCPU that another one stopped
 * by VCPUOP_down is wherever it was, and cannot be started again (the contract of cpu_down).
 *
 * An IPI is an event channel that each vCPU binds to itself; other vCPUs send to its port.
 */
#include "lib/format.h"
#include "lib/string.h"
#include "pv/native/native.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

/* Per CPU: a flag that this CPU sets, and that it or the CPU that stops it clears. */
bool xen_accepts_events[PV_CPUS_MAX];

/*
 * Per CPU: written by the CPU that starts this one, while this one is down; left by this CPU
 * itself. Cleared after a restore, while one CPU is up.
 */
static struct vcpu {
    bool has_vcpu_info; /* VCPUOP_register_vcpu_info has been done, which is possible once */
    bool left;          /* it stopped in xen_cpu_leave, so it can start again */
    u64 stack_top;      /* of its last start, as entry is */
    void (*entry)(void);
} vcpus[PV_CPUS_MAX];

const char *xen_smp_events_init(void)
{
    const char *error = xen_variant->set_event_callback();

    for (u32 kind = PORT_IPI; kind <= PORT_KICK && !error; kind++) {
        const u32 port = xen_own_port(kind);

        if (!port || (kind != PORT_KICK && evtchn_unmask(port)))
            error = "Xen refuses to bind or unmask an event channel for IPIs or locks";
    }
    WRITE_ONCE(xen_accepts_events[pv_this_cpu()], !error);
    return error;
}

int xen_send_event(u32 cpu, enum port_kind kind)
{
    return xen_cpu_accepts_events(cpu) && !evtchn_send(xen_ports[cpu][kind]) ? 0 : -EINVAL;
}

int xen_send_ipi(u32 cpu, enum pv_ipi kind)
{
    return kind < PV_NR_IPIS ? xen_send_event(cpu, PORT_IPI + kind) : -EINVAL;
}

int xen_send_nmi(u32 cpu)
{
    return xen_cpu_is_up(cpu) ? xen_variant->send_nmi(cpu) : -EINVAL;
}

void xen_cpu_describe(u32 cpu, char *text, size_t size)
{
    ksnprintf(text, size, "vCPU %u", cpu);
}

/* Xen has the vCPUs ready: nothing is to be found or parsed before the first start. */
const char *xen_smp_prepare(void)
{
    return NULL;
}

void xen_forget_vcpus(void)
{
    memset(vcpus, 0, sizeof(vcpus));
    memset(xen_accepts_events, 0, sizeof(xen_accepts_events));
}

bool xen_cpu_is_up(u32 cpu)
{
    return xen_vcpu_op(VCPUOP_is_up, cpu, NULL) == 1;
}

static bool can_start_or_stop(u32 cpu)
{
    return cpu < PV_CPUS_MAX && cpu != pv_this_cpu() && cpu < xen_cpu_count();
}

int xen_cpu_up(u32 cpu, const struct pv_cpu_start *start)
{
    const void *context;
    struct vcpu *v;

    if (!can_start_or_stop(cpu) || xen_cpu_is_up(cpu))
        return -EINVAL;
    v = &vcpus[cpu];
    v->stack_top = start->stack_top;
    v->entry = start->entry;
    if (!v->has_vcpu_info && !xen_share_vcpu_info(cpu, start->area))
        return -EIO;
    v->has_vcpu_info = true;
    xen_vcpu_info_of(start->area)->evtchn_upcall_mask = 1;
    context = xen_variant->initial_vcpu_context(cpu, start);
    if (!v->left && xen_vcpu_op(VCPUOP_initialise, cpu, context))
        return -EIO;
    return xen_vcpu_op(VCPUOP_up, cpu, NULL) ? -EIO : 0;
}

void xen_cpu_enter(void)
{
    const char *error = xen_smp_events_init();

    if (error)
        pv_panic("cpu_enter", "vCPU %u: %s", pv_this_cpu(), error);
    vcpus[pv_this_cpu()].left = false;
}

/* An event sent from now on stays pending until the vCPU is up again. */
void xen_cpu_leave(void)
{
    const u32 cpu = pv_this_cpu();
    struct vcpu *v = &vcpus[cpu];

    WRITE_ONCE(xen_accepts_events[cpu], false);
    xen_timer_stop();
    WRITE_ONCE(v->left, true);
    xen_vcpu_op(VCPUOP_down, cpu, NULL); /* returns after the next VCPUOP_up */
    native_restart_on_stack(v->stack_top, v->entry);
}

int xen_cpu_down(u32 cpu)
{
    if (!can_start_or_stop(cpu))
        return -EINVAL;
    WRITE_ONCE(xen_accepts_events[cpu], false);
    return xen_cpu_is_up(cpu) && xen_vcpu_op(VCPUOP_down, cpu, NULL) ? -EIO : 0;
}

const struct pv_smp_ops xen_smp_ops = {
    .smp_prepare = xen_smp_prepare,
    .cpu_count = xen_cpu_count,
    .cpu_describe = xen_cpu_describe,
    .cpu_up = xen_cpu_up,
    .cpu_enter = xen_cpu_enter,
    .cpu_leave = xen_cpu_leave,
    .cpu_down = xen_cpu_down,
    .cpu_is_up = xen_cpu_is_up,
    .send_ipi = xen_send_ipi,
    .send_nmi = xen_send_nmi,
};
