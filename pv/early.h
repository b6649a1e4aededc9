/* The time before a backend works (early.c), for pv.c. */
#ifndef PV_EARLY_H
#define PV_EARLY_H

#include "pv/pv.h"

/* Report by the raw functions of this backend from now on. */
void pv_early_use(const struct pv_backend *backend);

/* Where exceptions and pv_panic lead until the kernel has set its own. */
extern const struct pv_callbacks pv_early_callbacks;
__noreturn void pv_early_panic(const char *op, const char *what);

#endif
