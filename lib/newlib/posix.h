/* SPDX-License-Identifier: MIT */
/*
 * The parts of POSIX that the port has: newlib's headers declare a function only if its option is
 * defined before they are read (-imacros). An option that is -1 does not exist here: its functions
 * are declared, and refuse what it adds.
 */
#define _POSIX_THREADS                    200809L
#define _POSIX_TIMEOUTS                   200809L
#define _POSIX_THREAD_ATTR_STACKADDR      200809L
#define _POSIX_THREAD_ATTR_STACKSIZE      200809L
#define _POSIX_READER_WRITER_LOCKS        200809L
#define _POSIX_BARRIERS                   200809L
#define _POSIX_SPIN_LOCKS                 200809L
#define _POSIX_SEMAPHORES                 200809L
#define _UNIX98_THREAD_MUTEX_ATTRIBUTES   1
#define _POSIX_THREAD_PROCESS_SHARED      (-1)
#define _POSIX_THREAD_PRIO_INHERIT        (-1)
#define _POSIX_THREAD_PRIO_PROTECT        (-1)
#define _POSIX_THREAD_PRIORITY_SCHEDULING (-1)
#define _POSIX_PRIORITY_SCHEDULING        (-1)
#define PTHREAD_STACK_MIN                 32768

/* Of select(): as many as there can be descriptors. */
#define FD_SETSIZE 128

#define _POSIX_TIMERS          200809L
#define _POSIX_MONOTONIC_CLOCK 200809L
#define _POSIX_CPUTIME         200809L
#define _POSIX_CLOCK_SELECTION 200809L
