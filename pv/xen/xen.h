/* SPDX-License-Identifier: MIT */
/* What the two Xen backends, PV and PVH, share. */
#ifndef PV_XEN_XEN_H
#define PV_XEN_XEN_H

#include "pv/pv.h"
#include <xen/xen.h>

/*
 * The page that Xen shares with this domain: event channels, the wall clock. Each backend maps it
 * at this address of the image in its early_init.
 */
extern u8 xen_shared_info_page[PAGE_SIZE];
#define xen_shared_info ((struct shared_info *)(void *)xen_shared_info_page)

/*
 * What Xen shares with one vCPU: the flags of its event upcall, its clock, and CR2 of a PV guest.
 * shared_info has room for 32 of these. Here each is moved into the area of its CPU instead
 * (xen_share_vcpu_info), where one instruction reaches it by %gs, on whichever CPU it runs.
 */
static inline struct vcpu_info *xen_vcpu_info_of(struct pv_cpu_area *area)
{
    return (struct vcpu_info *)area->shared;
}
_Static_assert(sizeof(struct vcpu_info) == CPU_AREA_SHARED_SIZE, "the area has room for it");

/* Return this vCPU's. Disable interrupts for as long as you use it, or the thread may migrate. */
static inline struct vcpu_info *xen_vcpu_info(void)
{
    return xen_vcpu_info_of(pv_this_area());
}

/*
 * The class tables that PV and PVH share, and xen_NAME for each op: a function where both backends
 * have the same one, else a prototype without a function.
 */
#define PV_CLASS_BEGIN(class) extern const struct pv_##class##_ops xen_##class##_ops;

#define PV_OP(class, ret, name, params, args) ret xen_##name params;
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

/* Do nothing. For ops without arguments that have nothing to do under Xen. */
void xen_nop(void);

/* The pages through which a domU talks to daemons of the toolstack. dom0 has neither. */
enum xen_page {
    XEN_PAGE_CONSOLE, /* struct xencons_interface */
    XEN_PAGE_STORE,   /* struct xenstore_domain_interface */
};

/* Where PV and PVH differ in what they share. Set by each backend's early_init. */
struct xen_variant {
    const char *name;
    /*
     * Return the number of the frame that holds this address of the image, as Xen's hypercalls take
     * it (a gfn): a machine frame on PV, the guest's own number on PVH.
     */
    u64 (*virt_to_gfn)(const void *va);
    /*
     * Map shared_info at xen_shared_info_page. Called at boot, when the kernel has made its own
     * page tables, and after a restore. Return false if Xen refuses.
     */
    bool (*map_shared_info)(void);
    /*
     * Prepare for SCHEDOP_shutdown: unmap what a toolstack cannot save. Return the call's third
     * argument: the frame of start_info on PV, 0 on PVH. Interrupts stay disabled until
     * after_suspend.
     */
    u64 (*before_suspend)(void);
    /*
     * Undo before_suspend, and after a restore (not cancelled) also write what the domain builder
     * and the boot had written into the old domain's pages. Return NULL, or what is wrong.
     */
    const char *(*after_suspend)(bool cancelled);
    /*
     * Return the address of a page of the toolstack's, and its event channel in *port; NULL if the
     * toolstack has given none. The address is valid until the kernel installs its own page tables,
     * and one that was returned after that remains so. Works in early_init; again after a restore,
     * when the port is another.
     */
    void *(*toolstack_page)(enum xen_page which, u32 *port);
    /*
     * Map frame number index of the grant table, which Xen calls gfn, at a page of the image, and
     * unmap it there. map returns false if Xen refuses.
     */
    bool (*map_grant_frame)(u32 index, u64 gfn, void *page);
    void (*unmap_grant_frame)(void *page);
    /* Return the address by which Xen maps a grant at this frame, or 0 if the frame has memory. */
    u64 (*grant_host_addr)(pfn_t pfn);
    /* Make Xen interrupt this vCPU so that xen_event_upcall runs. Return NULL, or what is wrong. */
    const char *(*set_event_callback)(void);
    /*
     * Return the argument of VCPUOP_initialise for a vCPU that is to start so. It stays valid until
     * the next call.
     */
    const void *(*initial_vcpu_context)(u32 cpu, const struct pv_cpu_start *start);
    /* Send an NMI to a vCPU that is up. Return 0 or an error. */
    int (*send_nmi)(u32 cpu);
};
extern const struct xen_variant *xen_variant;

/*
 * setup.c: make Xen use the area's part as the vcpu_info of this vCPU, which is the calling one or
 * one that is down (VCPUOP_register_vcpu_info in xen/vcpu.h). Xen permits it once a vCPU. Return
 * false if Xen refuses.
 */
bool xen_share_vcpu_info(u32 vcpu, struct pv_cpu_area *area);
/* setup.c: map shared_info at its address of the image. Return NULL, or what is wrong. */
const char *xen_map_shared_info(void);
/* setup.c: map shared_info, and move vCPU 0's vcpu_info into its area. NULL, or what is wrong. */
const char *xen_share_pages(void);
bool xen_is_dom0(void);
/* End this domain. Returns if Xen refuses. */
void xen_end(enum pv_shutdown_reason reason);

/*
 * Give count frames back (XENMEM_decrease_reservation) or get memory for them
 * (XENMEM_populate_physmap). Return how many of them Xen has done.
 */
u64 xen_memory_reservation(unsigned int cmd, u64 *frames, u64 count);

/*
 * console.c: find the console. Called in early_init, as soon as hypercalls work; when the kernel's
 * page tables are installed; and after a restore.
 */
void xen_console_init(void);
bool xen_console_has_ring(void);
/* console.c: wait, for a bounded time, until the daemon has taken all output. */
void xen_console_drain(void);

/* events.c: handle all pending events. Called by each backend's entry, interrupts disabled. */
void xen_event_upcall(struct trap_frame *frame);

/* time.c: set up this vCPU's timer and runstate record, after a restore too. */
void xen_setup_clock(void);
/*
 * time.c: after a restore, let clock_ns and the steal times continue from where they were. Call it
 * with this vCPU's vcpu_info registered and before xen_setup_clock.
 */
void xen_restore_clock(void);
/* smp.c: after a restore, forget what the old domain's Xen had of the vCPUs that are down. */
void xen_forget_vcpus(void);
/* time.c: this vCPU wants to run and waits for a physical CPU (RUNSTATE_runnable). */
bool xen_vcpu_is_runnable(u32 cpu);

#endif
