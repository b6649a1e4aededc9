/* SPDX-License-Identifier: MIT */
/*
 * Every hypercall that Xen has for guests, with the types of Xen's public headers. The result is 0
 * or more, or a negative error number of xen/errno.h. hypercall() takes any number at all.
 */
#ifndef REPRO_KIT_HYPERCALLS_H
#define REPRO_KIT_HYPERCALLS_H

#include "lib/types.h"
#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

/* The error numbers that a hypercall returns negated, by the names of xen/errno.h. */
enum {
    XEN_ESRCH = 3,
    XEN_EFAULT = 14,
    XEN_EBUSY = 16,
    XEN_EEXIST = 17,
    XEN_ENOSYS = 38,
    XEN_ETIME = 62,
    XEN_EOPNOTSUPP = 95,
    XEN_ENOENT = 2,
    XEN_ENXIO = 6,
    XEN_EPERM = 1,
    XEN_EINVAL = 22,
};

/* What Xen has had since 4.18, for headers that are older. An older Xen returns -ENOSYS. */
#ifndef VCPUOP_register_runstate_phys_area
#define VCPUOP_register_runstate_phys_area  14
#define VCPUOP_register_vcpu_time_phys_area 15
#endif
#ifndef XENFEAT_runstate_phys_area
#define XENFEAT_runstate_phys_area  18
#define XENFEAT_vcpu_time_phys_area 19
#endif

long hypercall(unsigned int number, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);

#define HC1(nr, a)          hypercall(__HYPERVISOR_##nr, (u64)(a), 0, 0, 0, 0)
#define HC2(nr, a, b)       hypercall(__HYPERVISOR_##nr, (u64)(a), (u64)(b), 0, 0, 0)
#define HC3(nr, a, b, c)    hypercall(__HYPERVISOR_##nr, (u64)(a), (u64)(b), (u64)(c), 0, 0)
#define HC4(nr, a, b, c, d) hypercall(__HYPERVISOR_##nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), 0)
#define HC5(nr, a, b, c, d, e) \
    hypercall(__HYPERVISOR_##nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e))

/* PV and PVH. */
#define hc_memory_op(cmd, arg)             HC2(memory_op, cmd, (void *)(arg))
#define hc_xen_version(cmd, arg)           HC2(xen_version, cmd, (void *)(arg))
#define hc_console_io(cmd, count, text)    HC3(console_io, cmd, count, (const char *)(text))
#define hc_grant_table_op(cmd, ops, count) HC3(grant_table_op, cmd, (void *)(ops), count)
#define hc_vm_assist(cmd, type)            HC2(vm_assist, cmd, type)
#define hc_vcpu_op(cmd, vcpu, arg)         HC3(vcpu_op, cmd, vcpu, (void *)(arg))
#define hc_sched_op(cmd, arg)              HC2(sched_op, cmd, (void *)(arg))
#define hc_event_channel_op(cmd, arg)      HC2(event_channel_op, cmd, (void *)(arg))
#define hc_physdev_op(cmd, arg)            HC2(physdev_op, cmd, (void *)(arg))
#define hc_hvm_op(cmd, arg)                HC2(hvm_op, cmd, (void *)(arg))
#define hc_set_timer_op(deadline)          HC1(set_timer_op, deadline)
#define hc_platform_op(op)                 HC1(platform_op, (struct xen_platform_op *)(op))
#define hc_sysctl(op)                      HC1(sysctl, (void *)(op))
#define hc_domctl(op)                      HC1(domctl, (void *)(op))
#define hc_xsm_op(op)                      HC1(xsm_op, (void *)(op))
#define hc_kexec_op(cmd, arg)              HC2(kexec_op, cmd, (void *)(arg))
#define hc_tmem_op(op)                     HC1(tmem_op, (void *)(op))
#define hc_argo_op(cmd, a1, a2, a3, a4)    HC5(argo_op, cmd, (void *)(a1), (void *)(a2), a3, a4)
#define hc_xenpmu_op(cmd, arg)             HC2(xenpmu_op, cmd, (void *)(arg))
#define hc_dm_op(domain, count, buffers)   HC3(dm_op, domain, count, (void *)(buffers))
#define hc_hypfs_op(cmd, a1, a2, a3, a4)   HC5(hypfs_op, cmd, (void *)(a1), a2, (void *)(a3), a4)
#define hc_multicall(calls, count)         HC2(multicall, (struct multicall_entry *)(calls), count)
#define hc_mmuext_op(ops, count, done, dom) \
    HC4(mmuext_op, (struct mmuext_op *)(ops), count, (unsigned int *)(done), dom)

/* PV only. */
#define hc_set_trap_table(table) HC1(set_trap_table, (const struct trap_info *)(table))
#define hc_mmu_update(reqs, count, done, dom) \
    HC4(mmu_update, (struct mmu_update *)(reqs), count, (unsigned int *)(done), dom)
#define hc_update_va_mapping(va, entry, flags) HC3(update_va_mapping, va, entry, flags)
#define hc_update_va_mapping_otherdomain(va, entry, flags, dom) \
    HC4(update_va_mapping_otherdomain, va, entry, flags, dom)
#define hc_set_gdt(frames, count)                  HC2(set_gdt, (u64 *)(frames), count)
#define hc_update_descriptor(ma, descriptor)       HC2(update_descriptor, ma, descriptor)
#define hc_stack_switch(ss, sp)                    HC2(stack_switch, ss, sp)
#define hc_set_callbacks(event, failsafe, syscall) HC3(set_callbacks, event, failsafe, syscall)
#define hc_callback_op(cmd, arg)                   HC2(callback_op, cmd, (const void *)(arg))
#define hc_fpu_taskswitch(set)                     HC1(fpu_taskswitch, set)
#define hc_set_debugreg(number, value)             HC2(set_debugreg, number, value)
#define hc_get_debugreg(number)                    HC1(get_debugreg, number)
#define hc_set_segment_base(which, base)           HC2(set_segment_base, which, base)
#define hc_nmi_op(cmd, arg)                        HC2(nmi_op, cmd, (void *)(arg))

/* A call of a multicall, built by hand. */
#define MULTICALL(nr, ...) ((struct multicall_entry){.op = (nr), .args = {__VA_ARGS__}})

#endif
