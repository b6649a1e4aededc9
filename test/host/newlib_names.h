/* SPDX-License-Identifier: MIT */
/*
 * Included ahead of what is compiled of lib/newlib/ for this machine, and of its test: the
 * machine's libc and the compiler's library have these names.
 */
#define clock_getres   port_clock_getres
#define clock_gettime  port_clock_gettime
#define gettimeofday   port_gettimeofday
#define nanosleep      port_nanosleep
#define posix_memalign port_posix_memalign
#define sbrk           port_sbrk
#define sleep          port_sleep
#define times          port_times
#define usleep         port_usleep
#define __divti3       port_divti3
#define __modti3       port_modti3
#define __udivti3      port_udivti3
#define __umodti3      port_umodti3
#define __popcountdi2  port_popcountdi2
#define __muldc3       port_muldc3
#define __mulsc3       port_mulsc3
#define __divdc3       port_divdc3
#define __divsc3       port_divsc3
