/* SPDX-License-Identifier: MIT */
/*
 * Event channels inside the Xen backends: ports of this domain, who handles the events of each, and
 * the two ABIs by which Xen reports that a port is pending. events.c explains all of it.
 *
 * Layers, each of which calls only those before it: events_2l.c and events_fifo.c (the ABIs),
 * events.c (ports), time.c (the timer's port), smp.c (IPIs), then irq.c, peer.c and lock.c.
 */
#ifndef PV_XEN_EVENTS_H
#define PV_XEN_EVENTS_H

#include "pv/xen/xen.h"
#include <xen/event_channel.h>

#define XEN_PORTS_MAX 8192 /* higher ports are not used: 8 pages of FIFO event words */

/*
 * One ABI: where Xen keeps the pending and masked bits of a port, and how pending ports are found.
 */
struct evtchn_ops {
    const char *name; /* as in evtchn=NAME */
    u32 nr_ports;     /* ports below this number work */
    void (*mask)(u32 port);
    bool (*is_masked)(u32 port);
    /* Clear the port's pending bit. Return whether it was set. */
    bool (*clear_pending)(u32 port);
    /* Call evtchn_deliver for every port that is pending for this vCPU, and perhaps for others. */
    void (*scan)(struct trap_frame *frame);
};

extern const struct evtchn_ops evtchn_ops_2l, evtchn_ops_fifo;
extern const struct evtchn_ops *evtchn_ops; /* the ABI in use */

/* events_2l.c: select the 2-level ABI, with which every domain starts, and mask all its ports. */
void evtchn_2l_init(void);

/*
 * events_fifo.c: switch this domain to the FIFO ABI, with all ports masked. Call it after
 * evtchn_2l_init and before a port is bound. Return 0 or Xen's error; after an error evtchn_ops
 * points to the ABI that is in use.
 */
long evtchn_fifo_init(void);

/* Which callback of the kernel handles the events of a port. */
enum port_kind {
    PORT_FREE,
    PORT_LINE,    /* an interrupt line of irq_bind */
    PORT_CHANNEL, /* one to another domain, of evtchn_alloc and evtchn_bind (peer.c) */
    PORT_CONSOLE, /* that of console input (console_event.c), which this domain never closes */
    PORT_TIMER,
    PORT_IPI,                          /* the first of PV_NR_IPIS kinds, one for each enum pv_ipi */
    PORT_KICK = PORT_IPI + PV_NR_IPIS, /* lock_kick; stays masked, because lock_wait polls it */
    PORT_NR_KINDS,
};

/*
 * The port of each CPU of a kind that every CPU has at most one of; 0 if it is not bound yet, which
 * is unambiguous because Xen never allocates port 0.
 */
extern u32 xen_ports[PV_CPUS_MAX][PORT_NR_KINDS];

/*
 * Forget all ports, and select the ABI: "2l", "fifo", or "" for FIFO where Xen has it. Return NULL,
 * or what is wrong. Call it at boot and after a restore, on the only CPU that is up.
 */
const char *evtchn_init(const char *abi);

/* Bind a new port of this kind to this vCPU, masked. Return the port, or -ENOSPC. */
int evtchn_bind_port(enum port_kind kind);
/*
 * Make a port that Xen has allocated a line of kind PORT_CHANNEL or PORT_CONSOLE that notifies this
 * vCPU, masked. Return the port; or -ENOSPC if it cannot be used, and close a PORT_CHANNEL then.
 */
int evtchn_adopt_port(u32 port, enum port_kind kind);
/*
 * Mask a port, so that no handler of it starts any more, and give it back to Xen, but for one of
 * kind PORT_CONSOLE.
 */
void evtchn_close_port(u32 port);
/*
 * Return whether the port is a PV_IRQ_SOFT line; whether it is a PORT_CHANNEL; whether it is a line
 * of any kind.
 */
bool evtchn_is_soft_line(u32 port);
bool evtchn_is_channel(u32 port);
bool evtchn_is_line(u32 port);

/* Return this CPU's port of this kind, binding it (masked) on first use; 0 if Xen refuses. */
u32 xen_own_port(enum port_kind kind);

/* Bind a virtual interrupt of Xen to a new port. Return 0; or Xen's error, and 0 in *port. */
long evtchn_bind_virq(u32 virq, u32 vcpu, u32 *port);

/* The hypercalls of these names, for one port. Return 0 or Xen's error. */
long evtchn_send(u32 port);
long evtchn_unmask(u32 port);

/*
 * Handle one event: if the port is pending, not masked and bound to this CPU, clear its pending bit
 * and then call its handler. In this order, so that an event during the handler is seen afterwards.
 */
void evtchn_deliver(struct trap_frame *frame, u32 port);

/* console_event.c: irq_bind of PV_IRQ_CONSOLE. */
int xen_bind_console(void);

/*
 * smp.c: set this vCPU's event callback and bind its ports for IPIs and locks; after a restore too.
 * Return NULL, or what is wrong.
 */
const char *xen_smp_events_init(void);
/* smp.c: the CPUs that are up and have their ports bound. Read it by the function below. */
extern bool xen_accepts_events[PV_CPUS_MAX];
static inline bool xen_cpu_accepts_events(u32 cpu)
{
    return cpu < PV_CPUS_MAX && READ_ONCE(xen_accepts_events[cpu]);
}

/* smp.c: send an event to the CPU's port of this kind. Return 0, or -EINVAL if it accepts none. */
int xen_send_event(u32 cpu, enum port_kind kind);

#endif
