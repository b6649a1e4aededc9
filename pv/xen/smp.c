/*
 * Between vCPUs. An IPI is an event channel that a vCPU binds for itself; a lock's wait is a poll
 * of one (xen/sched.h, SCHEDOP_poll), which Xen ends when the port becomes pending. That port is
 * never unmasked: nobody is to be called. vCPUs come and go by VCPUOP_up and VCPUOP_down
 * (xen/vcpu.h): one that was down goes on where it went down, so it does so in xen_cpu_leave only.
 */
#include "lib/format.h"
#include "lib/string.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

/* 0: none yet; Xen gives out no port 0. */
static struct per_cpu {
    u32 ipi_ports[PV_NR_IPIS];
    u32 kick_port;
    u32 waits; /* nested: one and the interrupts that came during it */
    bool shared, up, left;
    struct pv_cpu_start start;
} per_cpu[PV_CPUS_MAX];

/* entry.S, start.S: leaves this stack for another. */
void native_start_again(u64 stack_top, void (*entry)(void)) __noreturn;

static bool bind_once(u32 *port, enum port_kind kind)
{
    int bound;

    if (*port)
        return true;
    bound = xen_bind_ipi(kind);
    if (bound <= 0)
        return false;
    *port = (u32)bound;
    return true;
}

bool xen_smp_events_init(void)
{
    struct per_cpu *c = &per_cpu[pv_this_cpu()];

    for (u32 kind = 0; kind < PV_NR_IPIS; kind++)
        if (!bind_once(&c->ipi_ports[kind], (enum port_kind)(PORT_IPI + kind)) ||
            xen_unmask(c->ipi_ports[kind]))
            return false;
    if (!bind_once(&c->kick_port, PORT_KICK))
        return false;
    WRITE_ONCE(c->up, true);
    return true;
}

void xen_smp_forget(void)
{
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++) {
        memset(per_cpu[cpu].ipi_ports, 0, sizeof(per_cpu[cpu].ipi_ports));
        per_cpu[cpu].kick_port = 0;
    }
}

static bool is_up(u32 cpu)
{
    return cpu < PV_CPUS_MAX && READ_ONCE(per_cpu[cpu].up);
}

int xen_send_ipi(u32 cpu, enum pv_ipi kind)
{
    if (!is_up(cpu) || kind >= PV_NR_IPIS)
        return -EINVAL;
    return (int)xen_send(per_cpu[cpu].ipi_ports[kind]);
}

void xen_smp_rescan(void)
{
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (cpu != pv_this_cpu())
            xen_send_ipi(cpu, PV_IPI_RESCHEDULE);
}

/* The numbers of vCPUs are without gaps; of one that is not there Xen says so. */
u32 xen_cpu_count(void)
{
    static u32 count;

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
    return cpu < xen_cpu_count() && xen_vcpu_op(VCPUOP_is_up, cpu, NULL) == 1;
}

int xen_cpu_start(u32 cpu, const struct pv_cpu_start *start)
{
    struct per_cpu *c;

    if (cpu >= MIN(xen_cpu_count(), PV_CPUS_MAX) || xen_cpu_is_up(cpu))
        return -EINVAL;
    c = &per_cpu[cpu];
    c->start = *start;
    if (!c->shared && !xen_share_vcpu_info(cpu, start->area))
        return -EIO;
    c->shared = true;
    xen_vcpu_info_of(start->area)->evtchn_upcall_mask = 1;
    return c->left ? 1 : 0;
}

int xen_cpu_go(u32 cpu, long initialised)
{
    return initialised || xen_vcpu_op(VCPUOP_up, cpu, NULL) ? -EIO : 0;
}

void xen_cpu_enter(void)
{
    per_cpu[pv_this_cpu()].left = false;
    if (!xen_smp_events_init())
        pv_panic("cpu_enter", "Xen gives vCPU %u no event channels", pv_this_cpu());
}

/* An event that still comes stays pending until the vCPU is up again. */
void xen_cpu_leave(void)
{
    const u32 cpu = pv_this_cpu();
    struct per_cpu *c = &per_cpu[cpu];

    WRITE_ONCE(c->up, false);
    xen_vcpu_op(VCPUOP_stop_singleshot_timer, cpu, NULL);
    WRITE_ONCE(c->left, true);
    xen_vcpu_op(VCPUOP_down, cpu, NULL);
    native_start_again(c->start.stack_top, c->start.entry);
}

int xen_cpu_down(u32 cpu)
{
    if (cpu >= MIN(xen_cpu_count(), PV_CPUS_MAX) || cpu == pv_this_cpu())
        return -EINVAL;
    WRITE_ONCE(per_cpu[cpu].up, false);
    return xen_cpu_is_up(cpu) && xen_vcpu_op(VCPUOP_down, cpu, NULL) ? -EIO : 0;
}

/*
 * A kick that came before is seen as the pending bit, and ends this call. Only the outermost wait
 * clears it: a nested one would take the kick from the wait that it interrupted. Until there is a
 * port, waiting is spinning.
 */
static void xen_lock_wait(const u8 *byte, u8 value)
{
    struct per_cpu *c = &per_cpu[pv_this_cpu()];
    struct sched_poll poll = {.nr_ports = 1};
    evtchn_port_t port = c->kick_port;

    if (!port)
        return;
    set_xen_guest_handle_raw(poll.ports, &port);
    c->waits++;
    barrier();
    if (c->waits == 1 && event_abi->is_pending(port))
        event_abi->clear_pending(port);
    else if (READ_ONCE(*byte) == value)
        xen_sched_op(SCHEDOP_poll, &poll);
    barrier();
    c->waits--;
}

static void xen_lock_kick(u32 cpu)
{
    if (is_up(cpu))
        xen_send(per_cpu[cpu].kick_port);
}

static bool xen_vcpu_is_preempted(u32 cpu)
{
    return is_up(cpu) && cpu != pv_this_cpu() && xen_vcpu_waits(cpu);
}

const struct pv_lock_ops xen_lock_ops = {
    .lock_wait = xen_lock_wait,
    .lock_kick = xen_lock_kick,
    .vcpu_is_preempted = xen_vcpu_is_preempted,
};
