/* SPDX-License-Identifier: MIT */
/*
 * The real-time clock as a device that interrupts periodically (MC146818A data sheet, registers A
 * to C). A "beat" is one periodic interrupt.
 */
#ifndef TEST_HARNESS_RTC_H
#define TEST_HARNESS_RTC_H

#include "lib/types.h"

enum {
    CMOS_INDEX = 0x70, /* ports of the RTC and its RAM */
    CMOS_DATA = 0x71,
    RTC_IRQ = 8,
    RTC_1024_HZ = 0x06, /* register A's rate */
    RTC_128_HZ = 0x09,
};

/* Return whether the machine has an RTC: a port without a device reads as ones. */
bool rtc_exists(void);

void rtc_start_beats(u8 rate);
void rtc_stop_beats(void);

/*
 * End the interrupt, so that the next one can be delivered. Return whether the RTC had requested
 * it.
 */
bool rtc_end_beat(void);

#endif
