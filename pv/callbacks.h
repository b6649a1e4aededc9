/*
 * The other direction: what a backend may call in the kernel, and nothing else of it. The kernel
 * hands one table over before it initialises traps (kernel/trap.c).
 */
#ifndef PV_CALLBACKS_H
#define PV_CALLBACKS_H

#include "pv/trap_frame.h"

enum pv_shutdown_reason {
    PV_POWEROFF,
    PV_REBOOT,
    PV_CRASH,
};

/* What one CPU may tell another; kernel/ gives them their meaning. */
enum pv_ipi {
    PV_IPI_RESCHEDULE,
    PV_IPI_CALL,
    PV_IPI_STOP,
    PV_NR_IPIS,
};

struct pv_callbacks {
    /*
     * An exception, vectors 0 to 31 but NMI (Intel SDM vol. 3, table 6-1), or int with a vector
     * that write_idt_entry opened to user mode. Runs on the stack of load_sp0 if user mode was
     * interrupted, else on the stack that was interrupted or, natively for #DB, #DF and #MC, on one
     * of its own. Interrupts are disabled, and of the flags DF, TF, NT and (where the CPU has SMAP)
     * AC are clear, whatever user mode had. fault_address is CR2 for a page fault, else 0. May
     * change the frame: execution continues as the frame says; natively a frame of #DB, #DF and #MC
     * whose rip is left alone resumes the interrupted code. The backend MUST NOT have touched any
     * state that it does not restore.
     */
    void (*exception)(struct trap_frame *frame, u64 fault_address);

    /*
     * A non-maskable interrupt, which may have come anywhere, also with interrupts disabled and
     * inside another callback. MUST NOT fault and MUST NOT take a lock that its victim may hold.
     */
    void (*nmi)(struct trap_frame *frame);

    /*
     * A system call from user mode: frame->vector is VECTOR_SYSCALL, VECTOR_SYSCALL32 or
     * VECTOR_SYSENTER. On the stack of load_sp0, interrupts disabled, flags as for exception. rcx
     * and r11 hold what the instruction left there: the user's rip and rflags for syscall. The CPU
     * keeps neither rip nor rsp of sysenter: the frame has edx and ecx in their place. A step that
     * user mode's TF makes due after the instruction is not reported: the frame's rflags show TF.
     */
    void (*syscall)(struct trap_frame *frame);

    /*
     * Xen PV only: Xen let this vCPU run again and could not load ds, es, fs or gs of the code that
     * frame describes, kernel or user mode, because the descriptor of a selector in use has
     * changed; those are null now. On the stack of load_sp0 or the interrupted one, interrupts
     * disabled. No other register has changed, and execution continues as the frame says. May come
     * at any instruction at which the vCPU may be descheduled.
     */
    void (*failsafe)(struct trap_frame *frame);

    /*
     * The rest up to ipi are interrupts: called with interrupts disabled, on the interrupted stack,
     * and return so. The frame is that of the interrupted code, which had them enabled; several
     * callbacks may share it. Context for the kernel: interrupt.
     *
     * interrupt: one came in on this line (ops.def, irq_bind). The kernel ends it by irq_eoi.
     * timer:     the deadline of timer_set may have come: the kernel looks at the clock.
     * ipi:       somebody sent this kind to this CPU.
     */
    void (*interrupt)(struct trap_frame *frame, u32 line);
    void (*timer)(struct trap_frame *frame);
    void (*ipi)(struct trap_frame *frame, enum pv_ipi kind);

    /*
     * An interrupt came at a vector that the backend has given to nothing (a firmware or kernel
     * before this one left it, a device sends a message that was never set up, or the controller
     * calls it spurious). The backend has told the controller that it is handled. Context:
     * interrupt, or before interrupts are enabled for one that an earlier kernel left in service.
     */
    void (*unclaimed)(u8 vector);

    /*
     * All interrupts that came together have been told, and the controllers know that they are
     * handled: the last call before the interrupted code goes on. The kernel may let another
     * thread run in it, and return from it later and on another CPU. Interrupts disabled.
     */
    void (*interrupts_done)(struct trap_frame *frame);

    /*
     * The last spinlock that this CPU held was left (pv/spinlock.h), and it is another thread's
     * turn. Context: where the lock was left, interrupts enabled; the thread may go on at another
     * CPU.
     */
    void (*reschedule)(void);

    /*
     * Around the op suspend, in its context: suspend is the last thing before the machine stops,
     * resume the first after it, cancelled if it never stopped. In between time has passed that
     * clock_ns may or may not show.
     */
    void (*suspend)(void);
    void (*resume)(bool cancelled);

    /*
     * Whoever runs this machine asks for its end, or for the memory that it uses to be this many
     * bytes. Context: thread. The kernel obeys when and if it can.
     */
    void (*shutdown_request)(enum pv_shutdown_reason reason);
    void (*memory_target)(u64 bytes);
};

/* Set once, by pv_set_callbacks, before any trap can arrive. */
extern const struct pv_callbacks *pv_callbacks;
void pv_set_callbacks(const struct pv_callbacks *callbacks);

#endif
