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

/* Where PV and PVH differ, for what they share. Set by each backend's early_init. */
struct xen_flavour {
    const char *name;
    /*
     * The number by which Xen knows the frame that lies at this address of the image: a machine
     * frame for PV, the guest's own number for PVH.
     */
    u64 (*frame_of)(const void *va);
    /* Maps Xen's shared page; at boot, in new tables, after a restore. False if Xen refuses. */
    bool (*map_shared_info)(void);
    /* Makes known what a save needs; returns the frame of start_info, or 0. */
    u64 (*publish)(void);
    /* What VCPUOP_initialise is to be given for a vCPU that starts so; one at a time. */
    const void *(*first_state)(u32 cpu, const struct pv_cpu_start *start);
};
extern const struct xen_flavour *xen_flavour;

/*
 * setup.c: makes Xen use the area's part for this vCPU, which is the one that runs or is down
 * (xen/vcpu.h, VCPUOP_register_vcpu_info). Once a vCPU: it cannot be undone. False if Xen refuses.
 */
bool xen_share_vcpu_info(u32 vcpu, struct pv_cpu_area *area);
/* The domain's shared page, and with it vCPU 0's part. Return NULL, or what Xen refuses. */
const char *xen_map_shared_info(void);
const char *xen_share_pages(void);
bool xen_is_dom0(void);
const char *xen_memory_map(struct boot_info *info);
void xen_banner(char *text, size_t cap);
void xen_shutdown(enum pv_shutdown_reason reason, u8 status);
u64 xen_hypercall_count(u64 *updates);
/* For ops that are nothing here (ops.def), of whichever arguments. */
void xen_nop(void);

/* Frames go or come (XENMEM_decrease_reservation, _populate_physmap). Returns how many did. */
u64 xen_reserve(unsigned int cmd, u64 *frames, u64 count);

/* console.c */
void xen_console_write(const char *text, size_t len);
int xen_console_read(void);

/* events.c: an event has come; interrupts (events) are disabled. */
void xen_event_upcall(struct trap_frame *frame);

/* events.c: the ops on lines, and what PV's and PVH's irq_init have in common. */
const char *xen_events_init(const char *abi);
int xen_irq_bind(enum pv_irq_source source, u32 number);
int xen_irq_unbind(u32 line);
int xen_irq_mask(u32 line);
int xen_irq_unmask(u32 line);
int xen_irq_raise(u32 line);
/* An event's pending bit was cleared before its handler ran: nothing is left to say at its end. */
#define XEN_IRQ_OPS \
    .irq_bind = xen_irq_bind, .irq_unbind = xen_irq_unbind, .irq_mask = xen_irq_mask, \
    .irq_unmask = xen_irq_unmask, .irq_eoi = (void *)xen_nop, .irq_raise = xen_irq_raise

/* smp.c */
bool xen_smp_events_init(void); /* of this vCPU; again after a restore */
void xen_smp_rescan(void);      /* every other vCPU looks for events */
u32 xen_cpu_count(void);
void xen_cpu_describe(u32 cpu, char *text, size_t size);
const char *xen_smp_prepare(void);
int xen_cpu_up(u32 cpu, const struct pv_cpu_start *start);
/* The rest of cpu_enter: this vCPU's events. Panics if it gets none. */
void xen_cpu_enter(void);
void xen_cpu_leave(void) __noreturn;
int xen_cpu_down(u32 cpu);
bool xen_cpu_is_up(u32 cpu);
int xen_send_ipi(u32 cpu, enum pv_ipi kind);
extern const struct pv_lock_ops xen_lock_ops;
#define XEN_SMP_OPS \
    .smp_prepare = xen_smp_prepare, .cpu_count = xen_cpu_count, .cpu_describe = xen_cpu_describe, \
    .cpu_up = xen_cpu_up, .cpu_leave = xen_cpu_leave, .cpu_down = xen_cpu_down, \
    .cpu_is_up = xen_cpu_is_up, .send_ipi = xen_send_ipi

/* time.c */
u64 xen_clock_ns(void);
void xen_setup_clock(void);
void xen_timer_stop(void);
bool xen_vcpu_waits(u32 cpu); /* for a physical CPU */
extern const struct pv_time_ops xen_time_ops;

/* suspend.c */
int xen_suspend(void);

#endif
