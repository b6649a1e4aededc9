/* SPDX-License-Identifier: MIT */
/*
 * Drivers of what the host offers to a guest (drivers/). The kernel starts those that are linked
 * into the image, and depends on none.
 */
#ifndef KERNEL_DRIVER_H
#define KERNEL_DRIVER_H

#include "lib/named.h"

struct driver {
    struct named named;
    /*
     * Attach to the host. Return NULL, or the reason in words why this machine does not have what
     * the driver needs. Context: the boot thread, interrupts enabled, before other CPUs start.
     */
    const char *(*start)(void);
};

/* Drivers start in this order, those of one stage in the order of their names. */
#define DRIVER_BUS     "1" /* by which the others learn what is there */
#define DRIVER_DEVICE  "2"
#define DRIVER_DEVICES "3" /* connects what the drivers of stage 2 serve */

#define DRIVER(ident, stage, fn) \
    static const struct driver driver_##ident __used __section(".drivers." stage "." #ident) \
        __aligned(8) = {{#ident}, fn}

/* Start all drivers. */
void drivers_start(void);

#endif
