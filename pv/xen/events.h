/*
 * Event channels, inside the Xen backends. A port is one channel's number; what differs between the
 * 2-level ABI (events_2l.c) and the FIFO ABI (events_fifo.c) is where a port's pending and mask
 * bits lie and how pending ports are found (xen/event_channel.h). Lines of the kernel are ports.
 */
#ifndef PV_XEN_EVENTS_H
#define PV_XEN_EVENTS_H

#include "pv/xen/xen.h"

#define XEN_PORTS_MAX 8192 /* those beyond are not used: 8 pages of FIFO event words */

/* Bits in shared memory: that of port p is bit (p * stride + first), counted from words[0] on. */
struct event_bits {
    u32 *words;
    u16 stride, first;
};

struct event_abi {
    const char *name;
    u32 ports;
    struct event_bits pending, masked;
    /* Hands every port that is pending to xen_event_deliver, at the least. */
    void (*scan)(struct trap_frame *frame);
};

extern const struct event_abi event_abi_2l, event_abi_fifo;
extern const struct event_abi *event_abi;

/* events_2l.c: masks all ports. Every domain starts with this ABI. */
void event_2l_init(void);

/*
 * events_fifo.c: switch this domain to the FIFO ABI, all ports masked. Called after event_2l_init,
 * before a port is bound. Returns 0, or Xen's error; event_abi tells which ABI is then in use.
 */
long event_fifo_init(void);

bool xen_port_is_masked(u32 port);
/* True if it was pending. */
bool xen_port_take(u32 port);

/*
 * Calls the owner of a port that is pending, not masked, and bound by this CPU. Its pending bit is
 * cleared first, so that an event which comes during its handler is seen again.
 */
void xen_event_deliver(struct trap_frame *frame, u32 port);

enum port_kind {
    PORT_FREE,
    PORT_LINE,
    PORT_TIMER,
    PORT_IPI, /* and those that follow, one for each enum pv_ipi */
    PORT_KICK = PORT_IPI + PV_NR_IPIS,
    PORT_NR_KINDS,
};

/* Of each CPU, the port of a kind that it has one of; 0: none yet, since Xen gives out no port 0.
 */
extern u32 xen_ports[PV_CPUS_MAX][PORT_NR_KINDS];

/* That of this CPU, bound (and then masked) if there is none yet; 0 if Xen gives none. */
u32 xen_own_port(enum port_kind kind);

/* EVTCHNOP_close, _send or _unmask. */
long xen_port_op(unsigned int cmd, u32 port);

#endif
