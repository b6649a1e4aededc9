/*
 * The other direction: what a backend may call in the kernel, and nothing else of it. The kernel
 * hands one table over before it initialises traps (kernel/trap.c).
 */
#ifndef PV_UPCALLS_H
#define PV_UPCALLS_H

#include "pv/trap_frame.h"

struct pv_upcalls {
    /*
     * An exception, vectors 0 to 31 but NMI (Intel SDM vol. 3, table 6-1), or int with a vector
     * that write_idt_entry opened to user mode. Runs on the stack that was interrupted, that of
     * load_sp0 if it was user mode or, natively for #DB, #DF and #MC, on one of its own; interrupts
     * are disabled. fault_address is CR2 for a page fault, else 0. May change the frame: execution
     * goes on as the frame says. The backend MUST NOT have touched any state that it does not
     * restore.
     */
    void (*exception)(struct trap_frame *frame, u64 fault_address);

    /*
     * A non-maskable interrupt, which may have come anywhere, also with interrupts disabled and
     * inside another upcall. MUST NOT fault and MUST NOT take a lock that its victim may hold.
     */
    void (*nmi)(struct trap_frame *frame);

    /*
     * A system call from user mode: frame->vector is VECTOR_SYSCALL, VECTOR_SYSCALL32 or
     * VECTOR_SYSENTER. On the stack of load_sp0, interrupts disabled. rcx and r11 hold what the
     * instruction left there: the user's rip and rflags for syscall.
     */
    void (*syscall)(struct trap_frame *frame);

    /*
     * Xen PV only: Xen could not reload the segment registers of the code that frame describes;
     * they are null now. Execution goes on as the frame says.
     */
    void (*failsafe)(struct trap_frame *frame);
};

/* Set once, by pv_set_upcalls, before any trap can arrive. */
extern const struct pv_upcalls *pv_upcalls;
void pv_set_upcalls(const struct pv_upcalls *upcalls);

#endif
