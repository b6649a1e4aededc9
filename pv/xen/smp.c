/*
 * Between vCPUs. An IPI is an event channel that a vCPU binds for itself; a lock's wait is a poll
 * of one (xen/sched.h, SCHEDOP_poll), which Xen ends when the port becomes pending. That port is
 * never unmasked: nobody is to be called. vCPUs come and go by VCPUOP_up and VCPUOP_down
 * (xen/vcpu.h): one that was down goes on where it went down, so it does so in xen_cpu_leave only.
 */
#include "lib/format.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

/*
 * Per CPU: the CPU that starts it writes its start and shared, while it is down; up and left are
 * flags, which it sets itself, and of which the CPU that takes it off clears up.
 */
static struct per_cpu {
    u32 waits; /* nested: one and the interrupts that came during it */
    bool shared, up, left;
    u64 stack_top; /* and entry: of its last start */
    void (*entry)(void);
} per_cpu[PV_CPUS_MAX];

/* entry.S, start.S: leaves this stack for another. */
void native_restart_on_stack(u64 stack_top, void (*entry)(void)) __noreturn;

const char *xen_smp_events_init(void)
{
    const char *error = xen_variant->set_event_callback();

    for (u32 kind = PORT_IPI; kind <= PORT_KICK && !error; kind++) {
        const u32 port = xen_own_port(kind);

        if (!port || (kind != PORT_KICK && xen_port_op(EVTCHNOP_unmask, port)))
            error = "Xen gives no event channels for IPIs and locks";
    }
    WRITE_ONCE(per_cpu[pv_this_cpu()].up, !error);
    return error;
}

static bool is_up(u32 cpu)
{
    return cpu < PV_CPUS_MAX && READ_ONCE(per_cpu[cpu].up);
}

/* To the vCPU's port of this kind. */
static int send(u32 cpu, u32 kind)
{
    return is_up(cpu) && !xen_port_op(EVTCHNOP_send, xen_ports[cpu][kind]) ? 0 : -EINVAL;
}

int xen_send_ipi(u32 cpu, enum pv_ipi kind)
{
    return kind < PV_NR_IPIS ? send(cpu, PORT_IPI + kind) : -EINVAL;
}

/* The numbers of vCPUs are without gaps; of one that is not there Xen says so. */
u32 xen_cpu_count(void)
{
    static u32 count; /* Written: by the first call, on the only CPU that is up */

    while (!count || xen_vcpu_op(VCPUOP_is_up, count, NULL) >= 0)
        count++;
    return count;
}

void xen_cpu_describe(u32 cpu, char *text, size_t size)
{
    ksnprintf(text, size, "vCPU %u", cpu);
}

const char *xen_smp_prepare(void)
{
    return NULL;
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
    const void *state;
    struct per_cpu *c;

    if (!can_start_or_stop(cpu) || xen_cpu_is_up(cpu))
        return -EINVAL;
    c = &per_cpu[cpu];
    c->stack_top = start->stack_top;
    c->entry = start->entry;
    if (!c->shared && !xen_share_vcpu_info(cpu, start->area))
        return -EIO;
    c->shared = true;
    xen_vcpu_info_of(start->area)->evtchn_upcall_mask = 1;
    state = xen_variant->initial_vcpu_context(cpu, start);
    if (!c->left && xen_vcpu_op(VCPUOP_initialise, cpu, state))
        return -EIO;
    return xen_vcpu_op(VCPUOP_up, cpu, NULL) ? -EIO : 0;
}

void xen_cpu_enter(void)
{
    const char *error = xen_smp_events_init();

    if (error)
        pv_panic("cpu_enter", "vCPU %u: %s", pv_this_cpu(), error);
    per_cpu[pv_this_cpu()].left = false;
}

/* An event that still comes stays pending until the vCPU is up again. */
void xen_cpu_leave(void)
{
    const u32 cpu = pv_this_cpu();
    struct per_cpu *c = &per_cpu[cpu];

    WRITE_ONCE(c->up, false);
    xen_timer_stop();
    WRITE_ONCE(c->left, true);
    xen_vcpu_op(VCPUOP_down, cpu, NULL);
    native_restart_on_stack(c->stack_top, c->entry);
}

int xen_cpu_down(u32 cpu)
{
    if (!can_start_or_stop(cpu))
        return -EINVAL;
    WRITE_ONCE(per_cpu[cpu].up, false);
    return xen_cpu_is_up(cpu) && xen_vcpu_op(VCPUOP_down, cpu, NULL) ? -EIO : 0;
}

int xen_send_nmi(u32 cpu)
{
    return xen_cpu_is_up(cpu) ? xen_variant->send_nmi(cpu) : -EINVAL;
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

/*
 * A kick that came before is seen as the pending bit, and ends this call. Only the outermost wait
 * clears it: a nested one would take the kick from the wait that it interrupted. Until this vCPU is
 * up it gets no kicks, also if it has a port from the time before it was down: it spins.
 */
void xen_lock_wait(const u8 *byte, u8 value)
{
    struct per_cpu *c = &per_cpu[pv_this_cpu()];
    evtchn_port_t port = xen_ports[pv_this_cpu()][PORT_KICK];
    struct sched_poll poll = {.nr_ports = 1};

    if (!port || !c->up)
        return;
    set_xen_guest_handle_raw(poll.ports, &port);
    c->waits++;
    barrier();
    if ((c->waits > 1 || !xen_port_take(port)) && READ_ONCE(*byte) == value)
        xen_sched_op(SCHEDOP_poll, &poll, 0);
    barrier();
    c->waits--;
}

void xen_lock_kick(u32 cpu)
{
    send(cpu, PORT_KICK);
}

bool xen_vcpu_is_preempted(u32 cpu)
{
    return is_up(cpu) && cpu != pv_this_cpu() && xen_vcpu_waits(cpu);
}

const struct pv_lock_ops xen_lock_ops = {
    .lock_wait = xen_lock_wait,
    .lock_kick = xen_lock_kick,
    .vcpu_is_preempted = xen_vcpu_is_preempted,
};
