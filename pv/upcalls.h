/*
 * The other direction: what a backend may call in the kernel, and nothing else of it. The kernel
 * hands one table over before it initialises traps (kernel/trap.c).
 */
#ifndef PV_UPCALLS_H
#define PV_UPCALLS_H

#include "pv/trap_frame.h"

struct pv_upcalls {
    /*
     * An exception, vectors 0 to 31 (Intel SDM vol. 3, table 6-1), NMI included. Runs on the stack
     * that was interrupted or, natively for #DF, NMI and #MC, on one of its own; interrupts are
     * disabled. fault_address is CR2 for a page fault, else 0. May change the frame: execution
     * goes on as the frame says. The backend MUST NOT have touched any state that it does not
     * restore.
     */
    void (*exception)(struct trap_frame *frame, u64 fault_address);
};

/* Set once, by pv_set_upcalls, before any trap can arrive. */
extern const struct pv_upcalls *pv_upcalls;
void pv_set_upcalls(const struct pv_upcalls *upcalls);

#endif
