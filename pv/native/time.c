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

/* In the order of the registers below. */
enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CENTURY, NR_FIELDS };

static const u8 registers[NR_FIELDS] = {RTC_SECONDS, RTC_MINUTES, RTC_HOURS,  RTC_DAY,
                                        RTC_MONTH,   RTC_YEAR,    RTC_CENTURY};

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

static bool rtc_read_once(u8 rtc[NR_FIELDS])
{
    if (!rtc_wait_stable())
        return false;
    for (u32 i = 0; i < NR_FIELDS; i++)
        rtc[i] = cmos_read(registers[i]);
    return true;
}

static bool rtc_to_time(u8 rtc[NR_FIELDS], u8 status_b, struct civil_time *t)
{
    const bool pm = !(status_b & STATUS_B_24_HOURS) && rtc[HOUR] & HOURS_PM;

    rtc[HOUR] &= (u8)~HOURS_PM;
    for (u32 i = 0; i < NR_FIELDS && !(status_b & STATUS_B_BINARY); i++)
        rtc[i] = (u8)((rtc[i] >> 4) * 10 + (rtc[i] & 0xf));
    if (!(status_b & STATUS_B_24_HOURS))
        rtc[HOUR] = rtc[HOUR] % 12 + (pm ? 12 : 0);
    *t = (struct civil_time){.year = rtc[CENTURY] * 100u + rtc[YEAR],
                             .month = rtc[MONTH],
                             .day = rtc[DAY],
                             .hour = rtc[HOUR],
                             .minute = rtc[MINUTE],
                             .second = rtc[SECOND]};
    return civil_time_valid(t);
}

/* Two equal reads in a row: no update came in between. */
int native_get_wallclock(u64 *ns)
{
    u8 first[NR_FIELDS], second[NR_FIELDS];
    struct civil_time t;

    for (int tries = 0; tries < 8; tries++) {
        if (!rtc_read_once(first) || !rtc_read_once(second))
            return -ENODEV;
        if (memcmp(first, second, sizeof(first)))
            continue;
        if (!rtc_to_time(first, cmos_read(RTC_STATUS_B), &t))
            return -ENODEV;
        *ns = civil_time_to_unix(&t) * 1000000000;
        return 0;
    }
    return -ENODEV;
}

static void rtc_from_time(const struct civil_time *t, u8 status_b, u8 rtc[NR_FIELDS])
{
    const u32 values[NR_FIELDS] = {t->second, t->minute,     t->hour,      t->day,
                                   t->month,  t->year % 100, t->year / 100};
    const bool halves = !(status_b & STATUS_B_24_HOURS);

    for (u32 i = 0; i < NR_FIELDS; i++) {
        const u32 value = i == HOUR && halves ? (t->hour + 11) % 12 + 1 : values[i];

        rtc[i] = (u8)(status_b & STATUS_B_BINARY ? value : value / 10 << 4 | value % 10);
    }
    if (halves && t->hour >= 12)
        rtc[HOUR] |= HOURS_PM;
}

int native_set_wallclock(u64 ns)
{
    u8 rtc[NR_FIELDS], status_b;
    struct civil_time t;

    if (!wallclock_valid(ns))
        return -EINVAL;
    if (!rtc_wait_stable() || cmos_read(RTC_STATUS_B) == 0xff)
        return -ENODEV;
    civil_time_from_unix(ns / 1000000000, &t);
    status_b = cmos_read(RTC_STATUS_B) & (u8)~STATUS_B_SET;
    cmos_write(RTC_STATUS_B, status_b | STATUS_B_SET);
    rtc_from_time(&t, status_b, rtc);
    for (u32 i = 0; i < NR_FIELDS; i++)
        cmos_write(registers[i], rtc[i]);
    cmos_write(RTC_STATUS_B, status_b);
    return 0;
}
