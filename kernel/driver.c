/* SPDX-License-Identifier: MIT */
/* The start of the drivers (kernel/driver.h). */
#include "kernel/driver.h"
#include "kernel/console.h"

extern const struct driver _drivers_start[], _drivers_end[];

void drivers_start(void)
{
    for (const struct driver *d = _drivers_start; d < _drivers_end; d++) {
        const char *why_not = d->start();

        if (why_not)
            log_debug("driver %s: not started: %s", d->named.name, why_not);
        else
            log_debug("driver %s: started", d->named.name);
    }
}
