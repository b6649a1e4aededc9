/* SPDX-License-Identifier: MIT */
/*
 * The native wall clock: the real-time clock (RTC) in the CMOS (pv/native/cmos.h).
 *
 * The clock updates its registers once a second. A read during an update, or with an update between
 * two registers, returns a mixture. So a time is believed only if two reads are equal and no update
 * is under way after them. Writes stop the updates (RTC_B_SET).
 */
#include "lib/rtc.h"
#include "lib/string.h"
#include "pv/native/cmos.h"
#include "pv/native/native.h"
#include "pv/native/raw_lock.h"
#include "pv/wallclock.h"

enum {
    CMOS_FIRST_RAM = 0x0e,
    CMOS_LAST = 0x7f,
    CMOS_ABSENT = 0xff, /* what a missing device reads as */

    RTC_REGISTER_A = 0x0a,
    RTC_REGISTER_B = 0x0b,
    RTC_A_UPDATING = 0x80,
    RTC_A_DIVIDER = 0x70,
    RTC_A_32_KHZ = 0x20, /* the only divider with which the clock runs */
    RTC_B_SET = 0x80,    /* no update while registers are written */

    FADT_CENTURY = 108,   /* ACPI 6.4, table 5.9: the register's index, or 0 */
    CENTURY_USUAL = 0x32, /* the register's index on a PC without ACPI */
};

/* An update takes 2 ms at most, and a read of the port about 1 us. */
#define RTC_SPINS 100000

/* The index of each field's register; RTC_CENTURY's may be 0. Written: by platform_init. */
static u8 indices[RTC_FIELDS] = {0x00, 0x02, 0x04, 0x07, 0x08, 0x09, CENTURY_USUAL};

/* Held around each use of the two ports. Atomic: a raw_lock. */
static bool busy;

static u64 lock(void)
{
    return raw_lock(&busy);
}

static void unlock(u64 flags)
{
    raw_unlock(&busy, flags);
}

/* Start the clock if firmware or an earlier kernel has stopped it, and warn. */
static void start_if_stopped(void)
{
    const u64 flags = lock();
    const u8 a = cmos_read(RTC_REGISTER_A), b = cmos_read(RTC_REGISTER_B);
    const bool present = a != CMOS_ABSENT || b != CMOS_ABSENT;
    const bool stopped = (a & RTC_A_DIVIDER) != RTC_A_32_KHZ || b & RTC_B_SET;

    if (present && stopped) {
        cmos_write(RTC_REGISTER_A, (a & (u8) ~(RTC_A_DIVIDER | RTC_A_UPDATING)) | RTC_A_32_KHZ);
        cmos_write(RTC_REGISTER_B, b & (u8)~RTC_B_SET);
    }
    unlock(flags);
    if (present && stopped)
        pv_warn("the RTC was stopped and has been started: its time may be wrong");
}

void native_rtc_acpi_init(const struct acpi_header *fadt)
{
    const u8 *const bytes = (const u8 *)fadt;

    start_if_stopped();
    if (!fadt || fadt->length <= FADT_CENTURY)
        return;
    indices[RTC_CENTURY] = bytes[FADT_CENTURY];
    if (bytes[FADT_CENTURY] < CMOS_FIRST_RAM || bytes[FADT_CENTURY] > CMOS_LAST)
        indices[RTC_CENTURY] = 0;
}

static u8 century(void)
{
    return indices[RTC_CENTURY] ? cmos_read(indices[RTC_CENTURY]) : 0;
}

static void read_fields(u8 fields[RTC_FIELDS])
{
    for (u32 i = 0; i < RTC_CENTURY; i++)
        fields[i] = cmos_read(indices[i]);
    fields[RTC_CENTURY] = century();
}

/*
 * Return true if two reads are equal and no update is under way after them. Then none happened in
 * the meantime, even if a host stopped this CPU between the reads. The lock is held.
 */
static bool read_stable(u8 fields[RTC_FIELDS])
{
    u8 again[RTC_FIELDS];

    read_fields(fields);
    read_fields(again);
    return !memcmp(fields, again, sizeof(again)) && !(cmos_read(RTC_REGISTER_A) & RTC_A_UPDATING);
}

/*
 * Write a time; the lock is held. If the century's register holds no valid century, firmware uses
 * it for something else: do not write it.
 */
static bool write_fields(const struct civil_time *t, u8 register_b)
{
    u8 fields[RTC_FIELDS];
    const bool has_century = rtc_is_century(century(), register_b);

    if (!rtc_encode(t, register_b, has_century, fields))
        return false;
    cmos_write(RTC_REGISTER_B, register_b | RTC_B_SET);
    for (u32 i = 0; i < RTC_CENTURY; i++)
        cmos_write(indices[i], fields[i]);
    if (has_century)
        cmos_write(indices[RTC_CENTURY], fields[RTC_CENTURY]);
    cmos_write(RTC_REGISTER_B, register_b & (u8)~RTC_B_SET);
    return true;
}

enum outcome { DONE, AGAIN, REFUSED };

/*
 * Call act with register B while no update is under way, with the lock held, until it does not
 * return AGAIN. Return 0, -EINVAL if it refuses, or -ENODEV if the clock is missing or stays busy.
 */
static int rtc_access(enum outcome (*act)(struct civil_time *t, u8 register_b),
                      struct civil_time *t)
{
    enum outcome result = AGAIN;

    for (int spins = 0; spins < RTC_SPINS && result == AGAIN; spins++) {
        const u64 flags = lock();
        const u8 a = cmos_read(RTC_REGISTER_A), b = cmos_read(RTC_REGISTER_B);
        const bool absent = a == CMOS_ABSENT && b == CMOS_ABSENT;

        if (!absent && !(a & RTC_A_UPDATING))
            result = act(t, b);
        unlock(flags);
        if (absent)
            break;
    }
    return result == DONE ? 0 : result == REFUSED ? -EINVAL : -ENODEV;
}

static enum outcome rtc_get(struct civil_time *t, u8 register_b)
{
    u8 fields[RTC_FIELDS];

    if (!read_stable(fields))
        return AGAIN;
    return rtc_decode(fields, register_b, t) ? DONE : REFUSED;
}

static enum outcome rtc_set(struct civil_time *t, u8 register_b)
{
    return write_fields(t, register_b) ? DONE : REFUSED;
}

/* A clock that holds no date, as after its battery failed, counts as missing. */
int native_get_wallclock(u64 *ns)
{
    struct civil_time t;

    if (rtc_access(rtc_get, &t))
        return -ENODEV;
    *ns = civil_time_to_unix(&t) * 1000000000;
    return 0;
}

int native_set_wallclock(u64 ns)
{
    struct civil_time t;

    if (!wallclock_valid(ns))
        return -EINVAL;
    civil_time_from_unix(ns / 1000000000, &t);
    return rtc_access(rtc_set, &t);
}
