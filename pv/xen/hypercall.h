/* SPDX-License-Identifier: MIT */
/*
 * Xen's hypercalls, with the names and arguments of Xen's public headers (hypercall.S). They return
 * 0 or more for success, else a negative error number of xen/errno.h. Where a hypercall takes a
 * domain, the function here passes DOMID_SELF.
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
#include <xen/grant_table.h>
#include <xen/platform.h>
#include <xen/version.h>

/* One entry of 32 bytes a hypercall, filled by Xen. */
extern const u8 hypercall_page[];

/* How many hypercalls were made (iret is not counted), and how many requests of mmu_update. */
extern u64 xen_hypercalls, xen_updates;

/* The same by the hypercall's number. */
#define XEN_HYPERCALL_NUMBERS 64
extern u64 xen_hypercalls_by[XEN_HYPERCALL_NUMBERS];

long xen_set_trap_table(const struct trap_info *table);
long xen_console_io(unsigned int cmd, unsigned int count, char *buffer);
long xen_memory_op(unsigned int cmd, void *arg);
long xen_sched_op(unsigned int cmd, void *arg,
                  u64 start_info); /* start_info: 0 except to suspend */
long xen_event_channel_op(unsigned int cmd, void *arg);
long xen_grant_table_op(unsigned int cmd, void *ops, unsigned int count);
long xen_callback_op(unsigned int cmd, const void *arg);
long xen_hvm_op(unsigned int cmd, void *arg);
long xen_platform_op(struct xen_platform_op *op);
long xen_version(unsigned int cmd, void *arg);
long xen_vcpu_op(unsigned int cmd, unsigned int vcpu, const void *arg);
long xen_set_gdt(const u64 *mfns,
                 unsigned int count); /* mfns: of its pages; count: of descriptors */
long xen_update_descriptor(u64 machine_address, u64 descriptor);
long xen_stack_switch(u64 ss, u64 sp);
long xen_fpu_taskswitch(int set);
int xen_set_debugreg(u32 number, u64 value);
u64 xen_get_debugreg(u32 number);
long xen_set_segment_base(unsigned int which, u64 base);
long xen_physdev_op(unsigned int cmd, void *arg);

/*
 * Process count requests in order, up to the first that fails. *done is the number of requests that
 * succeeded.
 */
long xen_mmu_update(struct mmu_update *requests, unsigned int count, unsigned int *done);
long xen_mmuext_op(struct mmuext_op *ops, unsigned int count, unsigned int *done);

/* Set the level-1 entry that maps va in the current page tables. entry holds a machine address. */
long xen_update_va_mapping(u64 va, u64 entry, u64 flags);

#endif
