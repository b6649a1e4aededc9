/* SPDX-License-Identifier: MIT */
/*
 * Callbacks: everything that a backend calls in the kernel. pv/ops.def is the other direction. The
 * kernel passes one table, with pv_set_callbacks, before it enables traps (kernel/trap.c).
 *
 * The labels are those of pv/ops.def, with the two sides exchanged: Must and Must not are about the
 * backend or, where the text says so, about the kernel. Context is where the backend calls from:
 *
 *     any              at any instruction, also inside an op or another callback
 *     interrupts off   an exception or a system call: interrupts are off until the kernel enables
 *                      them
 *     an interrupt     interrupts are off before and after, on the interrupted stack
 *     thread           a thread, which may sleep
 *     as NAME          that of another callback
 *     as the op NAME   inside that op, in the context of its caller
 *
 * `make check` compares the labels with the declarations (tools/paravane/contract.py).
 */
#ifndef PV_CALLBACKS_H
#define PV_CALLBACKS_H

#include "pv/trap_frame.h"

/* How a machine ends: the op shutdown, and the callback shutdown_request. */
enum pv_shutdown_reason {
    PV_POWEROFF,
    PV_REBOOT,
    PV_CRASH, /* power it off, and report to its supervisor, if it has one, that it failed */
};

/* The kinds of IPIs (the op send_ipi). kernel/ defines what each one means. */
enum pv_ipi {
    PV_IPI_RESCHEDULE,
    PV_IPI_CALL,
    PV_IPI_STOP,
    PV_NR_IPIS,
};

struct pv_callbacks {
    /*
     * Handle an exception: vectors 0 to 31 except NMI, or an INT that write_idt_entry allowed.
     *
     * Context:  interrupts off. On the stack of load_sp0 if user mode was interrupted. Otherwise on
     *           the interrupted stack, or for #DB, #DF and #MC natively on a stack of its own.
     * Takes:    frame, which the kernel may change: execution continues as the frame says.
     *           fault_address, which is CR2 for a page fault, else 0.
     * Must:     clear DF, TF, NT and (where the CPU has SMAP) AC, whatever user mode had set;
     *           restore on return all state that the backend changed.
     * Differs:  natively, if rip in a frame of #DB, #DF or #MC is unchanged, the interrupted code
     *           continues with the %gs base that it had, so such a frame has to lead to the same
     *           mode.
     * See:      SDM vol. 3, "Exception and Interrupt Reference"; xen/arch-x86/xen.h, struct
     *           trap_info
     */
    void (*exception)(struct trap_frame *frame, u64 fault_address);

    /*
     * Handle a non-maskable interrupt.
     *
     * Context:  any: also with interrupts disabled, and inside an op or another callback.
     * Takes:    frame, of the interrupted code.
     * Must not: the kernel does not fault here, and takes no lock that the interrupted code may
     *           hold.
     * See:      SDM vol. 3, "Nonmaskable Interrupt (NMI)"; xen/nmi.h, XENNMI_register_callback
     */
    void (*nmi)(struct trap_frame *frame);

    /*
     * Handle a system call from user mode.
     *
     * Context:  interrupts off, on the stack of load_sp0. Flags are cleared as for exception.
     * Takes:    frame, with vector VECTOR_SYSCALL, VECTOR_SYSCALL32 or VECTOR_SYSENTER. rcx and
     *           r11 are what the instruction left there: for SYSCALL the user's rip and rflags.
     *           SYSENTER saves neither rip nor rsp, so the frame has edx and ecx in their place.
     * Must not: report the single step that becomes due after the instruction if user mode had set
     *           TF. The frame's rflags show TF.
     * See:      SDM vol. 3, "Fast System Calls in 64-Bit Mode"; xen/callback.h,
     *           CALLBACKTYPE_syscall
     */
    void (*syscall)(struct trap_frame *frame);

    /*
     * Handle segment registers that could not be reloaded. Xen PV only: Xen continued this vCPU,
     * and could not load ds, es, fs or gs of the interrupted code, because the descriptor of a
     * selector in use has changed. These registers are null now, and no other has changed.
     *
     * Context:  interrupts off, on the stack of load_sp0 or the interrupted one. At any instruction
     *           at which the vCPU may be descheduled.
     * Takes:    frame, of kernel or user mode: execution continues as the frame says.
     * See:      xen/callback.h, CALLBACKTYPE_failsafe
     */
    void (*failsafe)(struct trap_frame *frame);

    /*
     * Handle an interrupt of a line.
     *
     * Context:  an interrupt. One interrupt may lead to several callbacks.
     * Takes:    frame, of the interrupted code, which had interrupts enabled; line, as in irq_bind.
     * Must:     the kernel calls irq_eoi as its last act.
     */
    void (*interrupt)(struct trap_frame *frame, u32 line);

    /*
     * Handle the timer: the deadline of timer_set may have been reached. The kernel compares the
     * clock.
     *
     * Context:  as interrupt.
     * Takes:    frame, of the interrupted code.
     */
    void (*timer)(struct trap_frame *frame);

    /*
     * Handle an IPI that send_ipi sent to this CPU.
     *
     * Context:  as interrupt.
     * Takes:    frame, of the interrupted code; kind, as in send_ipi.
     */
    void (*ipi)(struct trap_frame *frame, enum pv_ipi kind);

    /*
     * Take note of an interrupt at a vector that the backend has given to no source: firmware or an
     * earlier kernel left it, a device sent a message that was never set up, or the interrupt
     * controller reports a spurious interrupt. The backend has ended it.
     *
     * Context:  as interrupt; or before interrupts are first enabled, for an interrupt that an
     *           earlier kernel left in service.
     * Takes:    vector.
     */
    void (*unclaimed)(u8 vector);

    /*
     * Finish an interrupt: the callbacks for all interrupts that were delivered together have
     * returned, and the backend has ended them. The kernel may switch to another thread
     * here, and return later and on another CPU.
     *
     * Context:  as interrupt. The last callback before the interrupted code continues.
     * Takes:    frame, of the interrupted code.
     */
    void (*interrupts_done)(struct trap_frame *frame);

    /*
     * Switch threads if another one is due: this CPU has released its last spinlock
     * (pv/spinlock.h).
     *
     * Context:  thread. Interrupts are enabled. The thread may continue on another CPU.
     */
    void (*reschedule)(void);

    /*
     * Prepare the kernel for a suspend. The last callback before the machine stops.
     *
     * Context:  as the op suspend.
     */
    void (*suspend)(void);

    /*
     * Continue after a suspend. The first callback after the machine runs again. The kernel arms
     * its timer again, and forgets the lines that it had bound if cancelled is false. clock_ns
     * includes the time in between only if cancelled is true.
     *
     * Context:  as the op suspend.
     * Takes:    cancelled, true if the machine never stopped.
     */
    void (*resume)(bool cancelled);

    /*
     * End this machine, or reboot it, when and if the kernel can: the host asks for it.
     *
     * Context:  thread.
     * Takes:    reason.
     */
    void (*shutdown_request)(enum pv_shutdown_reason reason);

    /*
     * Use as much memory as the host asks for, when and if the kernel can.
     *
     * Context:  thread.
     * Takes:    bytes, how much memory this machine is to use in all.
     */
    void (*memory_target)(u64 bytes);
};

/* Written once, by pv_set_callbacks, before any trap can be delivered. */
extern const struct pv_callbacks *pv_callbacks;
void pv_set_callbacks(const struct pv_callbacks *callbacks);

#endif
