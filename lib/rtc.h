/*
 * The registers of a PC's real-time clock as dates and back (Motorola MC146818A data sheet). Pure
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
 * Without a century, or with one that cannot be, the year is one of 1970 to 2069. Return false if
 * the registers hold no date.
 */
bool rtc_decode(const u8 fields[RTC_FIELDS], u8 register_b, struct civil_time *t);

/*
 * Return false if the clock cannot hold the year: without a century register it is to be one of
 * 1970 to 2069.
 */
bool rtc_encode(const struct civil_time *t, u8 register_b, bool has_century, u8 fields[RTC_FIELDS]);

/* Can the century register hold this, or is there none? */
bool rtc_is_century(u8 value, u8 register_b);

#endif
