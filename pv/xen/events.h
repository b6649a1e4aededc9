/*
 * Event channels, inside the Xen backends. A port is one channel's number; what differs between the
 * 2-level ABI (events_2l.c) and the FIFO ABI (events_fifo.c) is where a port's pending and mask
 * bits lie and how pending ports are found (xen/event_channel.h). Lines of the kernel are ports.
 */
#ifndef PV_XEN_EVENTS_H
#define PV_XEN_EVENTS_H

#include "pv/xen/xen.h"

#define XEN_PORTS_MAX 8192 /* those beyond are not used: 8 pages of FIFO event words */

struct event_abi {
    const char *name;
    u32 ports;
    /*
     * Calls xen_event_dispatch for every port that is pending and not masked, after clearing its
     * pending bit, so that an event which comes during its handler is seen again.
     */
    void (*scan)(struct trap_frame *frame);
    void (*mask)(u32 port);
    bool (*is_masked)(u32 port);
    bool (*is_pending)(u32 port);
    void (*clear_pending)(u32 port);
};

extern const struct event_abi event_abi_2l, event_abi_fifo;
extern const struct event_abi *event_abi;

/* events_2l.c: all ports masked. Where every domain starts. */
void event_2l_init(void);

/*
 * events_fifo.c: switches this domain over, for good; ports keep their mask, and what is pending
 * stays so. Interrupts disabled. Returns 0, or Xen's error.
 */
long event_fifo_switch(void);

enum port_kind {
    PORT_FREE,
    PORT_LINE,
    PORT_TIMER,
    PORT_IPI, /* and those that follow, one for each enum pv_ipi */
    PORT_KICK = PORT_IPI + PV_NR_IPIS,
};

/* Was it this CPU that bound the port? */
bool xen_port_is_mine(u32 port);

void xen_event_dispatch(struct trap_frame *frame, u32 port);

/* Binds a port of this vCPU, masked: a negative error number, or the port. */
int xen_bind_ipi(enum port_kind kind);
int xen_bind_virq(u32 virq, enum port_kind kind);
long xen_unmask(u32 port);
long xen_send(u32 port);

#endif
