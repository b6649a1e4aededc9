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
#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/platform.h>
#include <xen/version.h>

/* How many there have been, but for iret. */
extern u64 xen_hypercalls;

#define HYPERCALL_TEXT          "incq xen_hypercalls\n\tcall hypercall_page + %c[offset]"
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

#define hypercall4(nr, a1, a2, a3, a4) \
    ({ \
        long ret_, a1_ = (long)(a1), a2_ = (long)(a2), a3_ = (long)(a3); \
        register long a4_ __asm__("r10") = (long)(a4); \
        __asm__ volatile(HYPERCALL_TEXT \
                         : "=a"(ret_), "+D"(a1_), "+S"(a2_), "+d"(a3_), "+r"(a4_) \
                         : HYPERCALL_ARGS(nr)); \
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

static inline long xen_event_channel_op(unsigned int cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_event_channel_op, cmd, arg);
}

static inline long xen_callback_op(unsigned int cmd, const void *arg)
{
    return hypercall2(__HYPERVISOR_callback_op, cmd, arg);
}

static inline long xen_hvm_op(unsigned int cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_hvm_op, cmd, arg);
}

static inline long xen_platform_op(struct xen_platform_op *op)
{
    return hypercall1(__HYPERVISOR_platform_op, op);
}

static inline long xen_version(unsigned int cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_xen_version, cmd, arg);
}

static inline long xen_sched_op3(unsigned int cmd, void *arg, u64 extra)
{
    return hypercall3(__HYPERVISOR_sched_op, cmd, arg, extra);
}

static inline long xen_vcpu_op(unsigned int cmd, unsigned int vcpu, void *arg)
{
    return hypercall3(__HYPERVISOR_vcpu_op, cmd, vcpu, arg);
}

/* frames: machine frames of the table's pages; count descriptors. */
static inline long xen_set_gdt(u64 *frames, unsigned int count)
{
    return hypercall2(__HYPERVISOR_set_gdt, frames, count);
}

static inline long xen_update_descriptor(u64 machine_address, u64 descriptor)
{
    return hypercall2(__HYPERVISOR_update_descriptor, machine_address, descriptor);
}

static inline long xen_stack_switch(u64 ss, u64 sp)
{
    return hypercall2(__HYPERVISOR_stack_switch, ss, sp);
}

static inline long xen_fpu_taskswitch(int set)
{
    return hypercall1(__HYPERVISOR_fpu_taskswitch, set);
}

static inline long xen_set_debugreg(unsigned int number, u64 value)
{
    return hypercall2(__HYPERVISOR_set_debugreg, number, value);
}

static inline long xen_get_debugreg(unsigned int number)
{
    return hypercall1(__HYPERVISOR_get_debugreg, number);
}

static inline long xen_set_segment_base(unsigned int which, u64 base)
{
    return hypercall2(__HYPERVISOR_set_segment_base, which, base);
}

static inline long xen_physdev_op(unsigned int cmd, void *arg)
{
    return hypercall2(__HYPERVISOR_physdev_op, cmd, arg);
}

/* Both do count requests in order and stop at the first that fails; done says how many did. */
static inline long xen_mmu_update(struct mmu_update *requests, unsigned int count,
                                  unsigned int *done)
{
    return hypercall4(__HYPERVISOR_mmu_update, requests, count, done, DOMID_SELF);
}

static inline long xen_mmuext_op(struct mmuext_op *ops, unsigned int count, unsigned int *done)
{
    return hypercall4(__HYPERVISOR_mmuext_op, ops, count, done, DOMID_SELF);
}

/* Changes the entry that maps va in the current page tables; entry is a whole entry, with a machine
 * address. */
static inline long xen_update_va_mapping(u64 va, u64 entry, u64 flags)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, va, entry, flags);
}

#endif
