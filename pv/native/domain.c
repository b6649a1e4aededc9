/* SPDX-License-Identifier: MIT */
/*
 * Other guests: bare metal has none, and neither have hypervisors without grant tables. A backend
 * for one of these can use this class as it is.
 */
#include "pv/native/native.h"

int native_grant_access(u32 domain, pfn_t pfn, enum pv_grant_kind kind)
{
    (void)domain, (void)pfn, (void)kind;
    return -ENODEV;
}

int native_grant_end(u32 ref)
{
    (void)ref;
    return -ENODEV;
}

int native_grant_map(const struct pv_grant_map *map)
{
    (void)map;
    return -ENODEV;
}

int native_grant_unmap(u32 handle, pfn_t pfn)
{
    (void)handle, (void)pfn;
    return -ENODEV;
}

int native_grant_copy(struct pv_grant_copy *segments, u32 count)
{
    (void)segments, (void)count;
    return -ENODEV;
}

int native_evtchn_alloc(u32 domain)
{
    (void)domain;
    return -ENODEV;
}

int native_evtchn_bind(u32 domain, u32 port)
{
    (void)domain, (void)port;
    return -ENODEV;
}

int native_evtchn_port(u32 line)
{
    (void)line;
    return -ENODEV;
}

int native_evtchn_notify(u32 line)
{
    (void)line;
    return -ENODEV;
}

int native_xenstore_bind(pfn_t *page)
{
    (void)page;
    return -ENODEV;
}
