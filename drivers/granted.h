/* SPDX-License-Identifier: MIT */
/*
 * Pages that a driver grants to its device's backend for as long as the device is connected. A
 * backend that does not unmap a page keeps it: the page is not used for another connection, unless
 * to the same domain, which could read and write it anyway.
 */
#ifndef DRIVERS_GRANTED_H
#define DRIVERS_GRANTED_H

#include "pv/grant.h"
#include "pv/mmu_types.h"

#define GRANTED_NONE (-1)

struct granted_page {
    pfn_t pfn;
    int ref;     /* its grant, or GRANTED_NONE */
    bool usable; /* granted to this connection's backend */
};

/* Allocate count pages, zeroed. Return false without memory. */
bool granted_alloc(struct granted_page *pages, u32 count);

/* Grant a page whose grant is GRANTED_NONE. Return 0, or the error of the op grant_access. */
int granted_give(struct granted_page *p, u32 domain, enum pv_grant_kind kind);

/* End the grants that the backend does not use. Return how many it still has mapped. */
u32 granted_take_back(struct granted_page *pages, u32 count);

/*
 * Grant all pages to a domain; those that the domain `before` still has mapped are usable only if
 * it is the same. Return how many are usable.
 */
u32 granted_give_all(struct granted_page *pages, u32 count, u32 domain, u32 before,
                     enum pv_grant_kind kind);

/* After a restore the grants do not exist. */
void granted_forget(struct granted_page *pages, u32 count);

#endif
