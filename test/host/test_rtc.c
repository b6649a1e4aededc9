/* SPDX-License-Identifier: MIT */
/*
 * lib/rtc.c: dates in all four formats of the real-time clock's registers, compared with data
 * sheets.
 */
#include "harness.h"

#include "lib/rtc.h"

enum { BCD_12 = 0, BCD_24 = RTC_B_24_HOURS, BINARY_12 = RTC_B_BINARY, BINARY_24 = 6 };

static void reads_known_registers(void)
{
    static const struct {
        u8 format, fields[RTC_FIELDS];
        struct civil_time t;
    } known[] = {
        {BCD_24, {0x59, 0x58, 0x23, 0x31, 0x12, 0x99, 0x19}, {1999, 12, 31, 23, 58, 59}},
        {BCD_24, {0x00, 0x00, 0x00, 0x01, 0x01, 0x50, 0x21}, {2150, 1, 1, 0, 0, 0}},
        {BCD_12, {0x05, 0x04, 0x12, 0x29, 0x02, 0x28, 0x20}, {2028, 2, 29, 0, 4, 5}},
        {BCD_12, {0x05, 0x04, 0x92, 0x29, 0x02, 0x28, 0x20}, {2028, 2, 29, 12, 4, 5}},
        {BCD_12, {0x05, 0x04, 0x91, 0x29, 0x02, 0x28, 0x20}, {2028, 2, 29, 23, 4, 5}},
        {BINARY_24, {59, 58, 23, 31, 12, 99, 19}, {1999, 12, 31, 23, 58, 59}},
        {BINARY_12, {5, 4, 0x8b, 29, 2, 28, 20}, {2028, 2, 29, 23, 4, 5}},
        {BCD_24, {0x00, 0x00, 0x00, 0x01, 0x01, 0x70, 0x00}, {1970, 1, 1, 0, 0, 0}},
        {BCD_24, {0x00, 0x00, 0x00, 0x01, 0x01, 0x69, 0xff}, {2069, 1, 1, 0, 0, 0}},
        {BINARY_24, {0, 0, 0, 1, 1, 26, 0x20 + 100}, {2026, 1, 1, 0, 0, 0}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        struct civil_time t = {0};

        CHECK(rtc_decode(known[i].fields, known[i].format, &t));
        CHECK(!memcmp(&t, &known[i].t, sizeof(t)));
    }
}

static void refuses_invalid_dates(void)
{
    static const struct {
        u8 format, fields[RTC_FIELDS];
    } bad[] = {
        {BCD_24, {0x5a, 0, 0, 1, 1, 0x26, 0x20}},
        {BCD_24, {0x0a, 0, 0, 1, 1, 0x26, 0x20}},
        {BCD_24, {0, 0, 0, 0x0f, 1, 0x26, 0x20}},
        {BCD_24, {0, 0, 0x24, 1, 1, 0x26, 0x20}},
        {BCD_24, {0, 0, 0, 0, 1, 0x26, 0x20}},
        {BCD_24, {0, 0, 0, 1, 0x13, 0x26, 0x20}},
        {BCD_12, {0, 0, 0x00, 1, 1, 0x26, 0x20}},
        {BCD_12, {0, 0, 0x13, 1, 1, 0x26, 0x20}},
        {BINARY_24, {0, 0, 0x8c, 1, 1, 26, 20}},
        {BINARY_24, {0, 60, 0, 1, 1, 26, 20}},
        {BCD_24, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    };
    struct civil_time t;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        CHECK(!rtc_decode(bad[i].fields, bad[i].format, &t));
}

static void comes_back_from_every_format(void)
{
    for (u32 format = 0; format < 8; format += 2)
        for (u64 s = 0; s < 200ull * 365 * 86400; s += 86400 * 3 + 3601) {
            u8 fields[RTC_FIELDS];
            struct civil_time t, back = {0};

            civil_time_from_unix(s, &t);
            CHECK(rtc_encode(&t, (u8)format, true, fields));
            CHECK(rtc_decode(fields, (u8)format, &back) && !memcmp(&t, &back, sizeof(t)));
            if (!rtc_encode(&t, (u8)format, false, fields)) {
                CHECK(t.year > 2069);
                continue;
            }
            CHECK(t.year <= 2069);
            CHECK(rtc_decode(fields, (u8)format, &back) && !memcmp(&t, &back, sizeof(t)));
        }
}

/* A clock without a century has the years 1970 to 2069. */
static void refuses_years_without_a_place(void)
{
    struct civil_time t = {1969, 12, 31, 23, 59, 59};
    u8 fields[RTC_FIELDS];

    CHECK(!rtc_encode(&t, BCD_24, false, fields));
    CHECK(rtc_encode(&t, BCD_24, true, fields));
    t.year = 2070;
    CHECK(!rtc_encode(&t, BCD_24, false, fields));
}

int main(void)
{
    RUN(reads_known_registers);
    RUN(refuses_invalid_dates);
    RUN(comes_back_from_every_format);
    RUN(refuses_years_without_a_place);
    return finish("rtc");
}
