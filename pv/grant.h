/* SPDX-License-Identifier: MIT */
/* Arguments of the ops that share memory with other guests (pv/ops/grant.def explains them). */
#ifndef PV_GRANT_H
#define PV_GRANT_H

#include "pv/mmu_types.h"

/* In place of a domain's number: this guest itself. */
#define PV_DOMAIN_SELF (~0u)

enum pv_grant_kind {
    PV_GRANT_WRITE,
    PV_GRANT_READ,
    PV_GRANT_TRANSFER,
};

/* What grant_map maps, and the frame in whose place. */
struct pv_grant_map {
    u32 domain;
    u32 ref;
    bool readonly;
    pfn_t pfn;
};

/* One end of a copy: bytes from offset on of a grant, or of a frame of this guest's own. */
struct pv_grant_place {
    bool is_grant;
    u32 domain, ref; /* of the grant */
    pfn_t pfn;       /* this guest's frame, if it is not a grant */
    u32 offset;      /* in bytes, below PAGE_SIZE */
};

struct pv_grant_copy {
    struct pv_grant_place from, to;
    u32 len;
    int status; /* filled: 0, or an error of grant_map */
};

#endif
