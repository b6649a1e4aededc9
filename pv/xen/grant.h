/* SPDX-License-Identifier: MIT */
/* What grant tables and event channels to other domains need of each other (grant.c, peer.c). */
#ifndef PV_XEN_GRANT_H
#define PV_XEN_GRANT_H

#include "pv/xen/xen.h"

/* Pages of the image that hold the grant table: 512 entries each. */
#define XEN_GRANT_FRAMES_MAX 32

/*
 * grant.c: before a suspend, unmap the grant table, whose frames the toolstack cannot save; after
 * it, map the table again, or, in a restored domain, start with an empty one. The suspend op calls
 * both, on the only CPU that is up. Neither allocates or can fail: a restored domain that cannot
 * have the table is refused its first grant.
 */
void xen_grant_suspend(void);
void xen_grant_resume(bool cancelled);

/*
 * peer.c: return the number of a domain as Xen takes it in grants, where DOMID_SELF has no meaning;
 * -EINVAL if it is out of range. domain may be PV_DOMAIN_SELF.
 */
int xen_domain_id(u32 domain);
/* peer.c: forget this domain's own number, which a restore changes. */
void xen_domain_id_forget(void);

#endif
