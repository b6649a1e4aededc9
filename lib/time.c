/* SPDX-License-Identifier: MIT */
/* The calendar arithmetic of lib/time.h. */
#include "lib/time.h"

/* A leap year is every fourth; of the years that end a century, every fourth of those. */
static u32 days_in_year(u32 year)
{
    return year % (year % 100 ? 4 : 400) ? 365 : 366;
}

static u32 days_in_month(u32 year, u32 month)
{
    static const u8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 ? days_in_year(year) - 337 : days[month - 1];
}

u64 civil_time_to_unix(const struct civil_time *t)
{
    u64 days = t->day - 1;

    for (u32 year = 1970; year < t->year; year++)
        days += days_in_year(year);
    for (u32 month = 1; month < t->month; month++)
        days += days_in_month(t->year, month);
    return ((days * 24 + t->hour) * 60 + t->minute) * 60 + t->second;
}

void civil_time_from_unix(u64 seconds, struct civil_time *t)
{
    u32 days = (u32)(seconds / 86400), second = (u32)(seconds % 86400);

    for (t->year = 1970; days >= days_in_year(t->year); t->year++)
        days -= days_in_year(t->year);
    for (t->month = 1; days >= days_in_month(t->year, t->month); t->month++)
        days -= days_in_month(t->year, t->month);
    t->day = days + 1;
    t->hour = second / 3600;
    t->minute = second / 60 % 60;
    t->second = second % 60;
}

bool civil_time_valid(const struct civil_time *t)
{
    return t->year >= 1970 && t->year <= 9999 && t->month >= 1 && t->month <= 12 && t->day >= 1 &&
           t->day <= days_in_month(t->year, t->month) && t->hour < 24 && t->minute < 60 &&
           t->second < 60;
}
