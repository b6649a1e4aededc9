/*
 * The one frame of registers that an exception or an interrupt leaves, on every backend. The stubs
 * (pv/native/entry.S, pv/xen/pv/entry.S) build it; kernel/ reads it. The part from vector upwards
 * is what the CPU pushes in 64-bit mode (Intel SDM vol. 3, section 6.14), below it what the stubs
 * push.
 */
#ifndef PV_TRAP_FRAME_H
#define PV_TRAP_FRAME_H

#define TRAP_FRAME_R11    (6 * 8)
#define TRAP_FRAME_RCX    (11 * 8)
#define TRAP_FRAME_RIP    (17 * 8)
#define TRAP_FRAME_CS     (18 * 8)
#define TRAP_FRAME_RFLAGS (19 * 8)
#define TRAP_FRAME_RSP    (20 * 8)
#define TRAP_FRAME_SS     (21 * 8)
#define TRAP_FRAME_SIZE   (22 * 8)

/* What vector holds if no vector brought the frame. */
#define VECTOR_SYSCALL   0x100 /* syscall from 64-bit mode */
#define VECTOR_SYSCALL32 0x101 /* syscall from compatibility mode */
#define VECTOR_SYSENTER  0x102
#define VECTOR_FAILSAFE  0x103 /* Xen PV: a segment could not be reloaded */
#define VECTOR_EVENT     0x104 /* Xen PV: the event callback */

/* pv/entry/vector_stubs.S: one for each of the above. */
#define VECTOR_STUBS     (VECTOR_EVENT + 1)
#define VECTOR_STUB_SIZE 5

#ifndef __ASSEMBLY__
#include "lib/types.h"

struct trap_frame {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    u64 rax, rcx, rdx, rsi, rdi;
    u64 vector; /* 0 to 255, or VECTOR_SYSCALL and its like */
    u64 error;  /* 0 where the CPU pushes none */
    u64 rip, cs, rflags, rsp, ss;
};

_Static_assert(offsetof(struct trap_frame, r11) == TRAP_FRAME_R11, "assembly knows the layout");
_Static_assert(offsetof(struct trap_frame, rcx) == TRAP_FRAME_RCX, "assembly knows the layout");
_Static_assert(offsetof(struct trap_frame, rip) == TRAP_FRAME_RIP, "assembly knows the layout");
_Static_assert(offsetof(struct trap_frame, rflags) == TRAP_FRAME_RFLAGS,
               "assembly knows the layout");
_Static_assert(offsetof(struct trap_frame, rsp) == TRAP_FRAME_RSP, "assembly knows the layout");
_Static_assert(sizeof(struct trap_frame) == TRAP_FRAME_SIZE, "assembly knows the layout");

/* Does the frame tell of user mode? On every backend: the kernel's frames show CPL 0, also on Xen
 * PV. */
static inline bool from_user(const struct trap_frame *frame)
{
    return frame->cs & 3;
}

/* The stubs by vector, and where they lead: the backend's entry code (trap_init). */
extern const u8 pv_vector_stubs[VECTOR_STUBS][VECTOR_STUB_SIZE];
extern const void *pv_vector_entry, *pv_vector_entry_isolated;

/* First of all in what entry code calls: vector is still the address behind the stub. */
static inline void trap_frame_number(struct trap_frame *frame)
{
    frame->vector = ((u32)frame->vector - (u32)(u64)pv_vector_stubs) / VECTOR_STUB_SIZE - 1;
}
#endif

#endif
