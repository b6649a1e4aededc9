/* SPDX-License-Identifier: MIT */
/*
 * In place of console_event.c, grant.c, peer.c, store.c, suspend.c, pv/growth.c, pv/suspend.c and
 * pvh/populate.c in an image without drivers (make bare): this guest shares nothing with other
 * guests, and no toolstack saves it or changes its memory. The ops answer as on bare metal.
 */
#include "pv/native/native.h"
#include "pv/xen/events.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"
#include "pv/xen/pvh/xen_pvh.h"

const struct pv_domain_ops xen_domain_ops = {
    .grant_access = native_grant_access,
    .grant_end = native_grant_end,
    .grant_map = native_grant_map,
    .grant_unmap = native_grant_unmap,
    .grant_copy = native_grant_copy,
    .evtchn_alloc = native_evtchn_alloc,
    .evtchn_bind = native_evtchn_bind,
    .evtchn_port = native_evtchn_port,
    .evtchn_notify = native_evtchn_notify,
    .xenstore_bind = native_xenstore_bind,
};

int xen_bind_console(void)
{
    return -ENODEV;
}

int xen_suspend(void)
{
    return -ENODEV;
}

u64 xen_pv_before_suspend(void)
{
    return 0;
}

const char *xen_pv_after_suspend(bool cancelled)
{
    (void)cancelled;
    return NULL;
}

u64 xen_pv_most_pages(struct boot_info *info)
{
    return info->xen_pv.nr_pages;
}

void xen_pv_plan_growth(struct boot_info *info, u64 most)
{
    (void)info;
    (void)most;
}

void xen_pv_grow_p2m(const struct boot_xen_pv *pv)
{
    (void)pv;
}

void xen_pvh_give_back_missing(struct boot_info *info)
{
    (void)info;
}
