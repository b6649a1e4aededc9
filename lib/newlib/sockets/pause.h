/* SPDX-License-Identifier: MIT */
/* For tests: some measure timers, and lwIP's thread, which does not end, sets some without end. */
#ifndef LIB_NEWLIB_SOCKETS_PAUSE_H
#define LIB_NEWLIB_SOCKETS_PAUSE_H

/* Stop the stack, if it was started, until stack_continue. No thread may use sockets then. */
void stack_pause(void);
void stack_continue(void);

#endif
