/* SPDX-License-Identifier: MIT */
/* A network interface as one of lwIP's (interface.c). */
#ifndef LIB_NEWLIB_SOCKETS_INTERFACE_H
#define LIB_NEWLIB_SOCKETS_INTERFACE_H

#include <lwip/netif.h>

#define INTERFACE_NAME "net0"

/*
 * Add the interface to the stack, and receive its frames in a thread. The core's lock is held.
 * Return 0 or an errno: ENETDOWN if the machine has no interface, EBUSY if the program has it open.
 */
int interface_start(struct netif *netif, const char *name);

/*
 * Undo interface_start, and wait up to a second for its thread. The core's lock is not held, and no
 * other thread uses the stack.
 */
void interface_stop(void);

/* Send what was batched. Called whenever the core's lock is released (lwipopts.h). */
void interface_flush(void);

#endif
