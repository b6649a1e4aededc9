/* See lib/time.h. */
#include "lib/time.h"

static bool is_leap(u32 year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static u32 days_in_month(u32 year, u32 month)
{
    static const u8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

bool civil_time_valid(const struct civil_time *t)
{
    return t->year >= 1970 && t->year <= 9999 && t->month >= 1 && t->month <= 12 && t->day >= 1 &&
           t->day <= days_in_month(t->year, t->month) && t->hour < 24 && t->minute < 60 &&
           t->second < 60;
}

u64 civil_time_to_unix(const struct civil_time *t)
{
    u64 y = t->year - 1, days;

    /* Days before this year: 719162 of them lie before 1970. */
    days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
    for (u32 month = 1; month < t->month; month++)
        days += days_in_month(t->year, month);
    days += t->day - 1;
    return ((days * 24 + t->hour) * 60 + t->minute) * 60 + t->second;
}

void civil_time_from_unix(u64 seconds, struct civil_time *t)
{
    u64 days = seconds / 86400;

    t->year = 1970;
    while (days >= 365u + is_leap(t->year))
        days -= 365u + is_leap(t->year++);
    t->month = 1;
    while (days >= days_in_month(t->year, t->month))
        days -= days_in_month(t->year, t->month++);
    t->day = (u32)days + 1;
    t->hour = seconds / 3600 % 24;
    t->minute = seconds / 60 % 60;
    t->second = seconds % 60;
}
