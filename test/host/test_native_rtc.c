/* SPDX-License-Identifier: MIT */
/*
 * pv/native/rtc.c on an RTC that is updated while it is read: each second its registers change one
 * after the other, and are undefined during the update.
 */
#include "fake_pc.h"

#include "lib/acpi.h"
#include "lib/rtc.h"
#include "lib/time.h"
#include "pv/native/native.h"

#define UPDATE_NS    1984000ull /* for so long the registers must not be read */
#define UIP_NS       244000ull  /* so long before it the UIP flag is set */
#define NS_PER_S     1000000000ull
#define CENTURY_PORT 0x32

/* The chip. Its date is base_s plus the seconds since; a write changes base_s. */
static struct {
    u8 index, b;
    u8 written[128]; /* written while SET is set */
    bool absent, has_century, stopped_forever;
    u64 base_s;
    u32 loose_writes; /* writes to the date without SET */
    u32 stall_after;  /* the host stops this CPU after so many reads */
    u64 stall_ns;
} chip;

static u64 phase_ns(void)
{
    return now_ns % NS_PER_S;
}

static bool is_updating(void)
{
    return !(chip.b & 0x80) && (chip.stopped_forever || phase_ns() >= NS_PER_S - UPDATE_NS);
}

static bool is_date(u8 index)
{
    return index < 10 && index != 1 && index != 3 && index != 5;
}

static u8 bcd(u32 value)
{
    return (u8)(value / 10 << 4 | value % 10);
}

static u8 date_register(u8 index)
{
    struct civil_time t;

    civil_time_from_unix(chip.base_s + now_ns / NS_PER_S, &t);
    switch (index) {
    case 0:
        return bcd(t.second);
    case 2:
        return bcd(t.minute);
    case 4:
        return bcd(t.hour);
    case 7:
        return bcd(t.day);
    case 8:
        return bcd(t.month);
    case 9:
        return bcd(t.year % 100);
    default:
        return chip.has_century ? bcd(t.year / 100) : 0;
    }
}

static u32 port_read(u16 port)
{
    if (port != 0x71 || chip.absent)
        return 0xff;
    if (chip.stall_after && !--chip.stall_after)
        now_ns += chip.stall_ns;
    if (chip.index == 0x0a)
        return !(chip.b & 0x80) &&
                       (chip.stopped_forever || phase_ns() >= NS_PER_S - UPDATE_NS - UIP_NS)
                   ? 0xa6
                   : 0x26;
    if (chip.index == 0x0b)
        return chip.b;
    if (is_date(chip.index) || chip.index == CENTURY_PORT) {
        if (chip.b & 0x80)
            return chip.written[chip.index];
        return is_updating() ? 0x11 : date_register(chip.index);
    }
    return 0;
}

static u32 from_bcd(u8 value)
{
    return (u32)(value >> 4) * 10 + (value & 15);
}

/* Start counting from the written date. */
static void take_date(void)
{
    const u8 *const w = chip.written;
    const struct civil_time t = {.year = from_bcd(w[9]) +
                                         100 * (chip.has_century ? from_bcd(w[CENTURY_PORT]) : 20),
                                 .month = from_bcd(w[8]),
                                 .day = from_bcd(w[7]),
                                 .hour = from_bcd(w[4]),
                                 .minute = from_bcd(w[2]),
                                 .second = from_bcd(w[0])};

    chip.base_s = civil_time_to_unix(&t) - now_ns / NS_PER_S;
}

static void port_write(u16 port, u32 value)
{
    if (port == 0x70) {
        CHECK(!(value & 0x80)); /* bit 7 would mask NMIs */
        chip.index = (u8)value;
    } else if (port == 0x71 && chip.index == 0x0b) {
        if (chip.b & 0x80 && !(value & 0x80))
            take_date();
        chip.b = (u8)value;
    } else if (port == 0x71) {
        chip.loose_writes += !(chip.b & 0x80);
        chip.written[chip.index] = (u8)value;
    }
}

#define PV_NATIVE_RAW_LOCK_H
static u32 held;

static u64 raw_lock(bool *lock_word)
{
    CHECK(!*lock_word);
    *lock_word = true;
    held++;
    return 0;
}

static void raw_unlock(bool *lock_word, u64 flags)
{
    (void)flags;
    *lock_word = false;
    held--;
}

#include "pv/native/rtc.c"

static void make_chip(u64 base_s, u64 ns)
{
    memset(&chip, 0, sizeof(chip));
    chip.b = 0x02; /* 24 hours, BCD */
    chip.has_century = true;
    chip.base_s = base_s;
    now_ns = ns;
    indices[RTC_CENTURY] = CENTURY_USUAL;
}

/* Seconds before the end of a year, a century and a month. */
static const u64 ends[] = {946684799, 4102444799, 1709164799, 1798761599, 1700000000};

/* At each phase of a second, a reading is that of the moment, to a second. */
static void a_read_is_never_torn(void)
{
    for (u32 end = 0; end < ARRAY_SIZE(ends); end++)
        for (u64 at = 0; at < 4000; at++) {
            u64 ns = 0, before;

            make_chip(ends[end], at * 997 + (at < 3900 ? NS_PER_S - 3500000 : 0));
            before = chip.base_s + now_ns / NS_PER_S;
            CHECK_EQ(native_get_wallclock(&ns), 0);
            CHECK_EQ(held, 0);
            CHECK(ns / NS_PER_S >= before && ns / NS_PER_S <= chip.base_s + now_ns / NS_PER_S);
        }
}

/* UIP was clear before the first register was read, and the update happened during the reads. */
static void a_stopped_cpu_reads_no_torn_date(void)
{
    static const u64 stalls[] = {UIP_NS + UPDATE_NS,
                                 UIP_NS + 2 * UPDATE_NS}; /* into an update, and across one */

    for (u32 run = 0; run < 2 * ARRAY_SIZE(ends); run++)
        for (u32 after = 1; after < 30; after++) {
            u64 ns = 0, before;

            make_chip(ends[run / 2] - 1, 2 * NS_PER_S - UPDATE_NS - UIP_NS - 40000);
            chip.stall_after = after;
            chip.stall_ns = stalls[run % 2];
            before = chip.base_s + now_ns / NS_PER_S;
            CHECK_EQ(native_get_wallclock(&ns), 0);
            CHECK(ns / NS_PER_S >= before && ns / NS_PER_S <= chip.base_s + now_ns / NS_PER_S);
        }
}

static void a_date_that_is_set_is_read(void)
{
    for (u32 end = 0; end < ARRAY_SIZE(ends); end++)
        for (u64 at = 0; at < 1000; at++) {
            u64 ns = 0;

            make_chip(1000000000, at * 5003 + NS_PER_S - 3500000);
            CHECK_EQ(native_set_wallclock(ends[end] * NS_PER_S), 0);
            CHECK_EQ(chip.b, 0x02);
            CHECK_EQ(chip.loose_writes, 0);
            CHECK_EQ(held, 0);
            CHECK_EQ(native_get_wallclock(&ns), 0);
            CHECK(ns / NS_PER_S >= ends[end] && ns / NS_PER_S <= ends[end] + 1);
        }
}

static void without_a_clock_nothing_waits(void)
{
    u64 ns;

    make_chip(1000000000, 0);
    chip.absent = true;
    CHECK_EQ(native_get_wallclock(&ns), -ENODEV);
    CHECK_EQ(native_set_wallclock(1700000000 * NS_PER_S), -ENODEV);
    CHECK_EQ(held, 0);
    CHECK(now_ns < NS_PER_S);
    make_chip(1000000000, 0);
    chip.stopped_forever = true;
    CHECK_EQ(native_get_wallclock(&ns), -ENODEV);
    CHECK_EQ(held, 0);
    CHECK(now_ns < 2 * NS_PER_S);
}

/*
 * The FADT has the index of the century register, if it is long enough and the index is one of the
 * RAM.
 */
static void the_century_is_where_the_firmware_says(void)
{
    static const struct {
        u32 length;
        u8 index, wanted;
    } cases[] = {{108, 0x40, 0x32}, {109, 0x40, 0x40}, {116, 0x40, 0x40}, {116, 0, 0},
                 {116, 0x0d, 0},    {116, 0x0e, 0x0e}, {116, 0x7f, 0x7f}, {116, 0x80, 0}};
    static struct {
        struct acpi_header header;
        u8 bytes[100];
    } fadt;

    for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
        make_chip(0, 0);
        fadt.header.length = cases[i].length;
        ((u8 *)&fadt)[108] = cases[i].index;
        native_rtc_acpi_init(&fadt.header);
        CHECK_EQ(indices[RTC_CENTURY], cases[i].wanted);
    }
    native_rtc_acpi_init(NULL);
    CHECK_EQ(indices[RTC_CENTURY], 0);
}

int main(void)
{
    RUN(a_read_is_never_torn);
    RUN(a_stopped_cpu_reads_no_torn_date);
    RUN(a_date_that_is_set_is_read);
    RUN(without_a_clock_nothing_waits);
    RUN(the_century_is_where_the_firmware_says);
    return finish("native RTC");
}
