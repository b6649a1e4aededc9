/* SPDX-License-Identifier: MIT */
/* Reports before a backend works (early.c), for pv.c. */
#ifndef PV_EARLY_H
#define PV_EARLY_H

#include "pv/backend.h"

/* Report by the raw functions of this backend from now on. */
void pv_early_use(const struct pv_backend *backend);

/* The callbacks, and pv_panic's handler, until the kernel sets its own. */
extern const struct pv_callbacks pv_early_callbacks;
__noreturn void pv_early_panic(const char *op, const char *what);

#endif
