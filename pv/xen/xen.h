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

/* The part of it that belongs to the vCPU which asks. */
static inline struct vcpu_info *xen_vcpu_info(void)
{
    return &xen_shared_info->vcpu_info[0];
}

/* Where PV and PVH differ, for what they share. Set by each backend's early_init. */
struct xen_flavour {
    /*
     * The number by which Xen knows the frame that lies at this address of the image: a machine
     * frame for PV, the guest's own number for PVH.
     */
    u64 (*frame_of)(const void *va);
    /* Maps Xen's shared page; at boot, and again after a restore. False if Xen refuses. */
    bool (*map_shared_info)(void);
    /* Makes known what a save needs; returns the frame of start_info, or 0. */
    u64 (*publish)(void);
};
extern const struct xen_flavour *xen_flavour;

/* setup.c */
bool xen_is_dom0(void);
const char *xen_memory_map(struct boot_info *info);
void xen_banner(char *text, size_t cap, const char *kind);
void xen_shutdown(enum pv_shutdown_reason reason, u8 status);

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
void xen_irq_eoi(u32 line);
int xen_irq_raise(u32 line);

/* smp.c */
const char *xen_smp_events_init(void);
int xen_send_ipi(u32 cpu, enum pv_ipi kind);
extern const struct pv_lock_ops xen_lock_ops;
extern const struct pv_smp_ops xen_smp_ops;

/* time.c */
u64 xen_clock_ns(void);
void xen_setup_clock(void);
void xen_clock_forget(void); /* after a restore the timer has no port */
extern const struct pv_time_ops xen_time_ops;

/* suspend.c */
int xen_suspend(void);

#endif
