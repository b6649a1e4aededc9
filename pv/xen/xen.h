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

/* setup.c */
const char *xen_memory_map(struct boot_info *info);
void xen_shutdown(enum pv_shutdown_reason reason, u8 status);

/* console.c */
void xen_console_write(const char *text, size_t len);
int xen_console_read(void);

/* events.c: an event has come; interrupts (events) are disabled. */
void xen_event_upcall(struct trap_frame *frame);

/* time.c */
int xen_get_wallclock(u64 *ns);

#endif
