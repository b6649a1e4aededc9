/* SPDX-License-Identifier: MIT */
/* A network interface that receives what it sends, by which tests try programs' on every platform.
 */
#ifndef TEST_HARNESS_LOOP_NET_H
#define TEST_HARNESS_LOOP_NET_H

#define LOOP_NET_NAME "looptst"

/* Bring the interface up, or down. It is registered by the first call, and keeps one frame. */
void loop_net_attach(void);
void loop_net_detach(void);

/* Set its MTU, which is 1500 at first; it is down. */
void loop_net_set_mtu(unsigned mtu);

#endif
