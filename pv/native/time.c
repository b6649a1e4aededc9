/*
 * The native wall clock: the real-time clock in the CMOS (Motorola MC146818A data sheet;
 * the century register is where ACPI's FADT says it is on every PC, at 0x32).
 */
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "lib/string.h"
#include "lib/time.h"

enum {
    CMOS_INDEX = 0x70,
    CMOS_DATA = 0x71,

    RTC_SECONDS = 0x00,
    RTC_MINUTES = 0x02,
    RTC_HOURS = 0x04,
    RTC_DAY = 0x07,
    RTC_MONTH = 0x08,
    RTC_YEAR = 0x09,
    RTC_STATUS_A = 0x0a,
    RTC_STATUS_B = 0x0b,
    RTC_CENTURY = 0x32,

    STATUS_A_UPDATING = 0x80,
    STATUS_B_24_HOURS = 0x02,
    STATUS_B_BINARY = 0x04,
    STATUS_B_SET = 0x80, /* no update while registers are written */
    HOURS_PM = 0x80,
};

/* An update takes 2 ms at most; each read of the port about 1 us. */
#define RTC_SPINS 100000

struct rtc {
    u8 second, minute, hour, day, month, year, century;
};

static u8 cmos_read(u8 index)
{
    outb(CMOS_INDEX, index);
    return inb(CMOS_DATA);
}

static void cmos_write(u8 index, u8 value)
{
    outb(CMOS_INDEX, index);
    outb(CMOS_DATA, value);
}

static bool rtc_wait_stable(void)
{
    for (int spins = 0; spins < RTC_SPINS; spins++)
        if (!(cmos_read(RTC_STATUS_A) & STATUS_A_UPDATING))
            return true;
    return false;
}

static bool rtc_read_once(struct rtc *rtc)
{
    if (!rtc_wait_stable())
        return false;
    rtc->second = cmos_read(RTC_SECONDS);
    rtc->minute = cmos_read(RTC_MINUTES);
    rtc->hour = cmos_read(RTC_HOURS);
    rtc->day = cmos_read(RTC_DAY);
    rtc->month = cmos_read(RTC_MONTH);
    rtc->year = cmos_read(RTC_YEAR);
    rtc->century = cmos_read(RTC_CENTURY);
    return true;
}

static u32 from_bcd(u8 value, u8 status_b)
{
    return status_b & STATUS_B_BINARY ? value : (value >> 4) * 10u + (value & 0xf);
}

static bool rtc_to_time(const struct rtc *rtc, u8 status_b, struct civil_time *t)
{
    u32 hour = from_bcd(rtc->hour & (u8)~HOURS_PM, status_b);

    if (!(status_b & STATUS_B_24_HOURS))
        hour = hour % 12 + (rtc->hour & HOURS_PM ? 12 : 0);
    t->year = from_bcd(rtc->century, status_b) * 100 + from_bcd(rtc->year, status_b);
    t->month = from_bcd(rtc->month, status_b);
    t->day = from_bcd(rtc->day, status_b);
    t->hour = hour;
    t->minute = from_bcd(rtc->minute, status_b);
    t->second = from_bcd(rtc->second, status_b);
    return civil_time_valid(t);
}

/* Two equal reads in a row: no update came in between. */
int native_get_wallclock(u64 *ns)
{
    struct rtc first, second;
    struct civil_time t;

    for (int tries = 0; tries < 8; tries++) {
        if (!rtc_read_once(&first) || !rtc_read_once(&second))
            return -ENODEV;
        if (memcmp(&first, &second, sizeof(first)))
            continue;
        if (!rtc_to_time(&first, cmos_read(RTC_STATUS_B), &t))
            return -ENODEV;
        *ns = civil_time_to_unix(&t) * 1000000000;
        return 0;
    }
    return -ENODEV;
}

static u8 to_rtc(u32 value, u8 status_b)
{
    return (u8)(status_b & STATUS_B_BINARY ? value : value / 10 << 4 | value % 10);
}

static u8 to_rtc_hour(u32 hour, u8 status_b)
{
    if (status_b & STATUS_B_24_HOURS)
        return to_rtc(hour, status_b);
    return to_rtc((hour + 11) % 12 + 1, status_b) | (hour >= 12 ? HOURS_PM : 0);
}

int native_set_wallclock(u64 ns)
{
    struct civil_time t;
    u8 status_b;

    if (!wallclock_valid(ns))
        return -EINVAL;
    if (!rtc_wait_stable() || cmos_read(RTC_STATUS_B) == 0xff)
        return -ENODEV;
    civil_time_from_unix(ns / 1000000000, &t);
    status_b = cmos_read(RTC_STATUS_B) & (u8)~STATUS_B_SET;
    cmos_write(RTC_STATUS_B, status_b | STATUS_B_SET);
    cmos_write(RTC_SECONDS, to_rtc(t.second, status_b));
    cmos_write(RTC_MINUTES, to_rtc(t.minute, status_b));
    cmos_write(RTC_HOURS, to_rtc_hour(t.hour, status_b));
    cmos_write(RTC_DAY, to_rtc(t.day, status_b));
    cmos_write(RTC_MONTH, to_rtc(t.month, status_b));
    cmos_write(RTC_YEAR, to_rtc(t.year % 100, status_b));
    cmos_write(RTC_CENTURY, to_rtc(t.year / 100, status_b));
    cmos_write(RTC_STATUS_B, status_b);
    return 0;
}
