/* SPDX-License-Identifier: MIT */
/*
 * The registers of a PC's real-time clock, to and from dates (Motorola MC146818A data sheet). Pure
 * functions: a backend reads and writes the registers.
 */
#ifndef LIB_RTC_H
#define LIB_RTC_H

#include "lib/time.h"

/* One byte each, in the format that register B selects. */
enum rtc_field {
    RTC_SECOND,
    RTC_MINUTE,
    RTC_HOUR,
    RTC_DAY,
    RTC_MONTH,
    RTC_YEAR,    /* of the century */
    RTC_CENTURY, /* 0 where the clock has no such register */
    RTC_FIELDS,
};

enum {
    RTC_B_24_HOURS = 0x02, /* else 1 to 12, and RTC_HOUR_PM */
    RTC_B_BINARY = 0x04,   /* else BCD */
    RTC_HOUR_PM = 0x80,
};

/*
 * Fill *t from the registers. Without a century, or with an impossible one, the year is one of 1970
 * to 2069. Return false if the registers do not hold a date.
 */
bool rtc_decode(const u8 fields[RTC_FIELDS], u8 register_b, struct civil_time *t);

/*
 * Fill the registers from *t. Return false if the clock cannot hold the year: without a century
 * register it must be one of 1970 to 2069.
 */
bool rtc_encode(const struct civil_time *t, u8 register_b, bool has_century, u8 fields[RTC_FIELDS]);

/* Return whether a value is a century, so that the register can be a century register. */
bool rtc_is_century(u8 value, u8 register_b);

#endif
