/* SPDX-License-Identifier: MIT */
/* lib/time.c compared with libc's timegm, for each day of two centuries, and invalid dates. */
#include "harness.h"

#include <time.h>

#include "lib/time.h"

static void agrees_with_libc(void)
{
    for (time_t t = 0; t < 200ll * 366 * 86400; t += 86400 + 3601) {
        struct tm tm;
        struct civil_time c, back;

        gmtime_r(&t, &tm);
        c = (struct civil_time){(u32)tm.tm_year + 1900, (u32)tm.tm_mon + 1, (u32)tm.tm_mday,
                                (u32)tm.tm_hour,        (u32)tm.tm_min,     (u32)tm.tm_sec};
        CHECK(civil_time_valid(&c));
        CHECK_EQ(civil_time_to_unix(&c), t);
        civil_time_from_unix((u64)t, &back);
        CHECK(!memcmp(&back, &c, sizeof(c)));
    }
}

/* The days around the ends of February of each year that civil_time_valid() accepts. */
static void agrees_with_libc_on_every_leap_day(void)
{
    for (int year = 1970; year <= 9999; year++)
        for (int day = 57; day < 61; day++) {
            struct tm tm = {.tm_year = year - 1900, .tm_mday = day + 1, .tm_hour = 23};
            const time_t t = timegm(&tm);
            struct civil_time c;

            civil_time_from_unix((u64)t, &c);
            CHECK(c.year == (u32)year && c.month == (u32)tm.tm_mon + 1 && c.day == (u32)tm.tm_mday);
            CHECK(civil_time_valid(&c));
            CHECK_EQ(civil_time_to_unix(&c), t);
        }
}

static void refuses_invalid_dates(void)
{
    static const struct civil_time bad[] = {
        {1969, 12, 31, 0, 0, 0}, {10000, 1, 1, 0, 0, 0}, {2026, 0, 1, 0, 0, 0},
        {2026, 13, 1, 0, 0, 0},  {2026, 1, 0, 0, 0, 0},  {2026, 4, 31, 0, 0, 0},
        {2026, 2, 29, 0, 0, 0},  {2100, 2, 29, 0, 0, 0}, {2026, 1, 1, 24, 0, 0},
        {2026, 1, 1, 0, 60, 0},  {2026, 1, 1, 0, 0, 60}};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        CHECK(!civil_time_valid(&bad[i]));
    CHECK(civil_time_valid(&(struct civil_time){2000, 2, 29, 23, 59, 59}));
    CHECK(civil_time_valid(&(struct civil_time){2028, 2, 29, 0, 0, 0}));
}

int main(void)
{
    RUN(agrees_with_libc);
    RUN(agrees_with_libc_on_every_leap_day);
    RUN(refuses_invalid_dates);
    return finish("time");
}
