/* SPDX-License-Identifier: MIT */
/* Dates of the Gregorian calendar, to and from seconds since 1970-01-01 00:00:00 UTC. */
#ifndef LIB_TIME_H
#define LIB_TIME_H

#include "lib/types.h"

struct civil_time {
    u32 year;  /* 1970 to 9999 */
    u32 month; /* 1 to 12 */
    u32 day;   /* 1 to 31 */
    u32 hour, minute, second;
};

/* Return whether the fields are within the ranges above, and the day within its month. */
bool civil_time_valid(const struct civil_time *t);

/* Return the seconds since 1970. Defined for valid times only. */
u64 civil_time_to_unix(const struct civil_time *t);

/* Fill *t from the seconds since 1970, up to the year 9999. */
void civil_time_from_unix(u64 seconds, struct civil_time *t);

#endif
