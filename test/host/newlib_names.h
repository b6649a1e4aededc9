/* SPDX-License-Identifier: MIT */
/*
 * Included ahead of what is compiled of lib/newlib/ for this machine, and of its test: the
 * machine's libc and the compiler's library have these names.
 */
#define clock_getcpuclockid port_clock_getcpuclockid
#define clock_getres        port_clock_getres
#define clock_gettime       port_clock_gettime
#define clock_nanosleep     port_clock_nanosleep
#define clock_settime       port_clock_settime
#define gettimeofday        port_gettimeofday
#define nanosleep           port_nanosleep
#define posix_memalign      port_posix_memalign
#define sbrk                port_sbrk
#define sleep               port_sleep
#define times               port_times
#define usleep              port_usleep
#define __divti3            port_divti3
#define __modti3            port_modti3
#define __udivti3           port_udivti3
#define __umodti3           port_umodti3
#define __udivmodti4        port_udivmodti4
#define __divmodti4         port_divmodti4
#define __floatuntixf       port_floatuntixf
#define __floattixf         port_floattixf
#define __mulsc3            port_mulsc3
#define __divsc3            port_divsc3
