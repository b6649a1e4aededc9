/*
 * The one frame of registers that an exception or an interrupt leaves, on every backend. The stubs
 * (pv/native/entry.S, pv/xen/pv/entry.S) build it; kernel/ reads it. The part from vector upwards
 * is what the CPU pushes in 64-bit mode (Intel SDM vol. 3, section 6.14), below it what the stubs
 * push.
 */
#ifndef PV_TRAP_FRAME_H
#define PV_TRAP_FRAME_H

#define TRAP_FRAME_RIP (17 * 8)

#ifndef __ASSEMBLY__
#include "lib/types.h"

struct trap_frame {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    u64 rax, rcx, rdx, rsi, rdi;
    u64 vector; /* 0 to 255 */
    u64 error;  /* 0 where the CPU pushes none */
    u64 rip, cs, rflags, rsp, ss;
};

_Static_assert(offsetof(struct trap_frame, rip) == TRAP_FRAME_RIP, "assembly knows the layout");
#endif

#endif
