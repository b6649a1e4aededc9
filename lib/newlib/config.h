/* SPDX-License-Identifier: MIT */
/*
 * What newlib's headers leave to the port and newlib's own code depends on. The compiler reads this
 * file first (-imacros) for newlib, for the port and for programs, so all see the same structs. A
 * change here rebuilds newlib; posix.h has what programs and the port alone depend on.
 */

/* One struct _reent for each thread, which __getreent() returns. */
#define __DYNAMIC_REENT__

/* struct tm has these two members, as on BSD and Linux. */
#define __TM_GMTOFF tm_gmtoff
#define __TM_ZONE   tm_zone

/* X/Open demands this value of CLOCKS_PER_SEC. */
#define _CLOCKS_PER_SEC_ 1000000
