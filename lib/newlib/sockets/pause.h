/* SPDX-License-Identifier: MIT */
/*
 * For tests: some measure timers, and lwIP's thread, which does not end, sets some without end; and
 * the start on an interface that is not net0.
 */
#ifndef LIB_NEWLIB_SOCKETS_PAUSE_H
#define LIB_NEWLIB_SOCKETS_PAUSE_H

/* Stop the stack, if it was started, until stack_continue. No thread may use sockets then. */
void stack_pause(void);
void stack_continue(void);

/* What stack_start does with net0 and the word NET=. Return 0 or an errno, which was reported. */
int stack_start_on(const char *interface, const char *word);

#endif
