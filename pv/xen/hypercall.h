/*
 * Xen's hypercalls, one typed inline wrapper each, after the prototypes in Xen's public headers.
 * Arguments go in rdi, rsi, rdx, r10, r8, the result comes in rax: 0 or more for success, else a
 * negative error number of xen/errno.h. A debug build of Xen overwrites the argument registers, so
 * they count as changed (xen/arch-x86/xen-x86_64.h).
 */
#ifndef PV_XEN_HYPERCALL_H
#define PV_XEN_HYPERCALL_H

#include "lib/types.h"
#include <xen/xen.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define HYPERCALL_TEXT          "call hypercall_page + %c[offset]"
#define HYPERCALL_ARGS(nr, ...) [offset] "i"((nr)*32), ##__VA_ARGS__ : "rcx", "r11", "memory"

#define hypercall1(nr, a1) \
    ({ \
        long ret_, a1_ = (long)(a1); \
        __asm__ volatile(HYPERCALL_TEXT : "=a"(ret_), "+D"(a1_) : HYPERCALL_ARGS(nr)); \
        ret_; \
    })

#define hypercall2(nr, a1, a2) \
    ({ \
        long ret_, a1_ = (long)(a1), a2_ = (long)(a2); \
        __asm__ volatile(HYPERCALL_TEXT : "=a"(ret_), "+D"(a1_), "+S"(a2_) : HYPERCALL_ARGS(nr)); \
        ret_; \
    })

#define hypercall3(nr, a1, a2, a3) \
    ({ \
        long ret_, a1_ = (long)(a1), a2_ = (long)(a2), a3_ = (long)(a3); \
        __asm__ volatile(HYPERCALL_TEXT \
                         : "=a"(ret_), "+D"(a1_), "+S"(a2_), "+d"(a3_) \
                         : HYPERCALL_ARGS(nr)); \
        ret_; \
    })

static inline long xen_set_trap_table(const struct trap_info *table)
{
    return hypercall1(__HYPERVISOR_set_trap_table, table);
}

static inline long xen_console_io(unsigned int cmd, unsigned int count, char *buffer)
{
    return hypercall3(__HYPERVISOR_console_io, cmd, count, buffer);
}

static inline long xen_memory_op(unsigned int cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_memory_op, cmd, arg);
}

static inline long xen_sched_op(unsigned int cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_sched_op, cmd, arg);
}

static inline long xen_vcpu_op(unsigned int cmd, unsigned int vcpu, void *arg)
{
    return hypercall3(__HYPERVISOR_vcpu_op, cmd, vcpu, arg);
}

/* Changes the entry that maps va in the current page tables; entry is a whole entry, with a machine
 * address. */
static inline long xen_update_va_mapping(u64 va, u64 entry, u64 flags)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, va, entry, flags);
}

#endif
