/* SPDX-License-Identifier: MIT */
/*
 * The trap frame: the registers of the code that an exception, an interrupt or a system call has
 * interrupted. It is the same on every backend, and kernel/ reads and changes it. From the highest
 * address down:
 *
 *     ss, rsp, rflags, cs, rip    the CPU (Intel SDM vol. 3, section 6.14), or Xen, pushes these
 *     error                       the CPU, or the stub where the CPU pushes none
 *     vector                      the stub (pv/entry/vector_stubs.S)
 *     rdi ... r15                 the backend's entry code, by save_regs (pv/entry/trap_frame.inc)
 */
#ifndef PV_TRAP_FRAME_H
#define PV_TRAP_FRAME_H

/* Vectors of exceptions (Intel SDM vol. 3, table 6-1). */
#define VECTOR_DE  0
#define VECTOR_DB  1
#define VECTOR_NMI 2
#define VECTOR_BP  3
#define VECTOR_OF  4
#define VECTOR_UD  6
#define VECTOR_NM  7
#define VECTOR_DF  8
#define VECTOR_TS  10
#define VECTOR_NP  11
#define VECTOR_SS  12
#define VECTOR_GP  13
#define VECTOR_PF  14
#define VECTOR_AC  17
#define VECTOR_MC  18
#define VECTOR_CP  21
#define VECTOR_VC  29
#define VECTOR_SX  30

/* What vector holds if no vector brought the frame. */
#define VECTOR_SYSCALL   0x100 /* syscall from 64-bit mode */
#define VECTOR_SYSCALL32 0x101 /* syscall from compatibility mode */
#define VECTOR_SYSENTER  0x102
#define VECTOR_FAILSAFE  0x103 /* Xen PV: a segment could not be reloaded */
#define VECTOR_EVENT     0x104 /* Xen PV: the event callback */

/* pv/entry/vector_stubs.S: one stub for each vector, and for each of the above. */
#define VECTOR_STUBS       (VECTOR_EVENT + 1)
#define VECTOR_STUB_SIZE   16
#define VECTOR_STUB_NATIVE 3 /* the offset at which the CPU enters; Xen PV enters at 0 */

#ifndef __ASSEMBLY__
#include "lib/types.h"

struct trap_frame {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    u64 rax, rcx, rdx, rsi, rdi;
    u64 vector; /* 0 to 255, or VECTOR_SYSCALL and so on */
    u64 error;  /* 0 where the CPU pushes none */
    u64 rip, cs, rflags, rsp, ss;
};

/* Return true if the frame is user mode's. A frame of the kernel's shows CPL 0, also on Xen PV. */
static inline bool from_user(const struct trap_frame *frame)
{
    return frame->cs & 3;
}

/* The stubs by vector, and the backend's entry code, to which they jump (set by trap_init). */
extern const u8 pv_vector_stubs[VECTOR_STUBS][VECTOR_STUB_SIZE];
extern const void *pv_vector_entry, *pv_vector_entry_isolated;
#endif

#endif
