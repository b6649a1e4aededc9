/* The real-time clock as a device that interrupts periodically (MC146818A data sheet, registers A
 * to C). */
#ifndef TEST_RTC_H
#define TEST_RTC_H

#include "lib/types.h"

enum {
    RTC_IRQ = 8,
    RTC_1024_HZ = 0x06, /* register A's rate */
    RTC_128_HZ = 0x09,
};

/* A port that no device answers reads as ones. */
bool rtc_exists(void);

void rtc_start_beats(u8 rate);
void rtc_stop_beats(void);

/* End the interrupt, so that the next one can arrive. Return whether the RTC had asked for it. */
bool rtc_end_beat(void);

#endif
