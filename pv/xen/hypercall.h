/*
 * Xen's hypercalls, after the prototypes in Xen's public headers; hypercall.S has a jump for each.
 * They return 0 or more for success, else a negative error number of xen/errno.h. Those that name a
 * domain are for this one.
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

/* How many there have been, but for iret, and how many changes were asked for by mmu_update. */
extern u64 xen_hypercalls, xen_updates;

long xen_set_trap_table(const struct trap_info *table);
long xen_console_io(unsigned int cmd, unsigned int count, char *buffer);
long xen_memory_op(unsigned int cmd, void *arg);
long xen_sched_op(unsigned int cmd, void *arg, u64 start_info); /* 0 but to suspend */
long xen_event_channel_op(unsigned int cmd, void *arg);
long xen_callback_op(unsigned int cmd, const void *arg);
long xen_hvm_op(unsigned int cmd, void *arg);
long xen_platform_op(struct xen_platform_op *op);
long xen_version(unsigned int cmd, void *arg);
long xen_vcpu_op(unsigned int cmd, unsigned int vcpu, const void *arg);
long xen_set_gdt(const u64 *mfns, unsigned int count); /* of its pages; of descriptors */
long xen_update_descriptor(u64 machine_address, u64 descriptor);
long xen_stack_switch(u64 ss, u64 sp);
long xen_fpu_taskswitch(int set);
int xen_set_debugreg(u32 number, u64 value);
u64 xen_get_debugreg(u32 number);
long xen_set_segment_base(unsigned int which, u64 base);
long xen_physdev_op(unsigned int cmd, void *arg);

/* Both do count requests in order and stop at the first that fails; done says how many did. */
long xen_mmu_update(struct mmu_update *requests, unsigned int count, unsigned int *done);
long xen_mmuext_op(struct mmuext_op *ops, unsigned int count, unsigned int *done);

/* Changes the entry that maps va in the current page tables; entry has a machine address. */
long xen_update_va_mapping(u64 va, u64 entry, u64 flags);

#endif
