/* SPDX-License-Identifier: MIT */
/* The decoding and encoding of a clock's registers that lib/rtc.h describes. */
#include "lib/rtc.h"

enum {
    FIRST_YEAR = 1970, /* of the 100 years that a clock without a century can represent */
    FIRST_CENTURY = 19,
    LAST_CENTURY = 99,
};

static bool decode_byte(u8 byte, u8 register_b, u32 *value)
{
    *value = byte;
    if (register_b & RTC_B_BINARY)
        return byte < 100;
    *value = (byte >> 4) * 10u + (byte & 0xf);
    return byte >> 4 < 10 && (byte & 0xf) < 10;
}

static u8 encode_byte(u32 value, u8 register_b)
{
    return (u8)(register_b & RTC_B_BINARY ? value : value / 10 << 4 | value % 10);
}

bool rtc_is_century(u8 value, u8 register_b)
{
    u32 century;

    return decode_byte(value, register_b, &century) && century >= FIRST_CENTURY &&
           century <= LAST_CENTURY;
}

static u32 full_year(u8 century_byte, u32 year, u8 register_b)
{
    u32 century;

    if (!rtc_is_century(century_byte, register_b))
        return year + (year < FIRST_YEAR % 100 ? 2000 : 1900);
    decode_byte(century_byte, register_b, &century);
    return century * 100 + year;
}

/* In 12-hour format the hours of each half are 12, 1, 2, ... 11. */
static bool decode_hour(u8 byte, u8 register_b, u32 *hour)
{
    const bool halves = !(register_b & RTC_B_24_HOURS);

    if (!decode_byte(halves ? byte & (u8)~RTC_HOUR_PM : byte, register_b, hour))
        return false;
    if (!halves)
        return true;
    if (*hour < 1 || *hour > 12)
        return false;
    *hour = *hour % 12 + (byte & RTC_HOUR_PM ? 12 : 0);
    return true;
}

bool rtc_decode(const u8 fields[RTC_FIELDS], u8 register_b, struct civil_time *t)
{
    u32 year;

    if (!decode_byte(fields[RTC_SECOND], register_b, &t->second) ||
        !decode_byte(fields[RTC_MINUTE], register_b, &t->minute) ||
        !decode_hour(fields[RTC_HOUR], register_b, &t->hour) ||
        !decode_byte(fields[RTC_DAY], register_b, &t->day) ||
        !decode_byte(fields[RTC_MONTH], register_b, &t->month) ||
        !decode_byte(fields[RTC_YEAR], register_b, &year))
        return false;
    t->year = full_year(fields[RTC_CENTURY], year, register_b);
    return civil_time_valid(t);
}

bool rtc_encode(const struct civil_time *t, u8 register_b, bool has_century, u8 fields[RTC_FIELDS])
{
    const bool halves = !(register_b & RTC_B_24_HOURS);
    const u32 hour = halves ? (t->hour + 11) % 12 + 1 : t->hour;

    if (!has_century && (t->year < FIRST_YEAR || t->year >= FIRST_YEAR + 100))
        return false;
    fields[RTC_SECOND] = encode_byte(t->second, register_b);
    fields[RTC_MINUTE] = encode_byte(t->minute, register_b);
    fields[RTC_HOUR] = encode_byte(hour, register_b);
    fields[RTC_DAY] = encode_byte(t->day, register_b);
    fields[RTC_MONTH] = encode_byte(t->month, register_b);
    fields[RTC_YEAR] = encode_byte(t->year % 100, register_b);
    fields[RTC_CENTURY] = has_century ? encode_byte(t->year / 100, register_b) : 0;
    if (halves && t->hour >= 12)
        fields[RTC_HOUR] |= RTC_HOUR_PM;
    return true;
}
