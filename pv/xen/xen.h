/* What the two Xen backends, PV and PVH, share. */
#ifndef PV_XEN_XEN_H
#define PV_XEN_XEN_H

#include "pv/pv.h"
#include <xen/xen.h>

/*
 * The page that Xen and the guest share: events, time, and for PV the interrupt mask and CR2. Each
 * backend puts Xen's page at this address in its early_init.
 */
extern u8 xen_shared_info_page[PAGE_SIZE];
#define xen_shared_info ((struct shared_info *)(void *)xen_shared_info_page)

/*
 * The part of the shared memory that belongs to one vCPU. The shared page has room for 32 of them;
 * each lies in its CPU's area instead (xen_share_vcpu_info), where %gs reaches it in one
 * instruction, on whichever CPU that is then executed.
 */
static inline struct vcpu_info *xen_vcpu_info_of(struct pv_cpu_area *area)
{
    return (struct vcpu_info *)area->shared;
}
_Static_assert(sizeof(struct vcpu_info) == CPU_AREA_SHARED_SIZE, "the area has room for it");

/* That of the vCPU which asks: interrupts disabled, or for the vCPU's time only. */
static inline struct vcpu_info *xen_vcpu_info(void)
{
    return xen_vcpu_info_of(pv_this_area());
}

/*
 * The class tables that PV and PVH share, and of every op the function by its name, where it is the
 * same for both.
 */
#define PV_CLASS_BEGIN(class)                 extern const struct pv_##class##_ops xen_##class##_ops;
#define PV_OP(class, ret, name, params, args) ret xen_##name params;
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

/* For ops that are nothing here, of whichever arguments. */
void xen_nop(void);

/* Where PV and PVH differ, for what they share. Set by each backend's early_init. */
struct xen_variant {
    const char *name;
    /*
     * The number by which Xen knows the frame that lies at this address of the image: a machine
     * frame for PV, the guest's own number for PVH.
     */
    u64 (*virt_to_gfn)(const void *va);
    /* Maps Xen's shared page; at boot, in new tables, after a restore. False if Xen refuses. */
    bool (*map_shared_info)(void);
    /* Makes known what a save needs; returns the frame of start_info, or 0. */
    u64 (*prepare_suspend)(void);
    /* On each CPU: makes upcalls come to xen_event_upcall. Returns NULL, or what is wrong. */
    const char *(*set_event_callback)(void);
    /* What VCPUOP_initialise is to be given for a vCPU that starts so; one at a time. */
    const void *(*initial_vcpu_context)(u32 cpu, const struct pv_cpu_start *start);
    /* To a vCPU that is up. Returns 0 or an error. */
    int (*send_nmi)(u32 cpu);
};
extern const struct xen_variant *xen_variant;

/*
 * setup.c: makes Xen use the area's part for this vCPU, which is the one that runs or is down
 * (xen/vcpu.h, VCPUOP_register_vcpu_info). Once a vCPU: it cannot be undone. False if Xen refuses.
 */
bool xen_share_vcpu_info(u32 vcpu, struct pv_cpu_area *area);
/* The domain's shared page, and with it vCPU 0's part. Return NULL, or what Xen refuses. */
const char *xen_map_shared_info(void);
const char *xen_share_pages(void);
bool xen_is_dom0(void);
/* End this domain: PV_CRASH and so on. Returns if Xen refuses. */
void xen_end(enum pv_shutdown_reason reason);

/* Frames go or come (XENMEM_decrease_reservation, _populate_physmap). Returns how many did. */
u64 xen_memory_reservation(unsigned int cmd, u64 *frames, u64 count);

/* events.c: an event has come; interrupts (events) are disabled. */
void xen_event_upcall(struct trap_frame *frame);

/* smp.c: upcalls and ports of this vCPU, again after a restore. Returns NULL, or what is wrong. */
const char *xen_smp_events_init(void);

/* time.c */
void xen_setup_clock(void);
bool xen_vcpu_waits(u32 cpu); /* for a physical CPU */

#endif
