/* SPDX-License-Identifier: MIT */
/* The real-time clock's periodic interrupt: see test/harness/rtc.h. */
#include "test/harness/rtc.h"
#include "pv/pv.h"
#include "pv/spinlock.h"

enum {
    RTC_A = 0x0a,
    RTC_A_RATE = 0x0f,
    RTC_B = 0x0b,
    RTC_B_PERIODIC = 0x40,
    RTC_C = 0x0c, /* reading it ends the interrupt */
    RTC_C_INTERRUPT = 0x80,
};

static u8 rtc_a, rtc_b; /* registers A and B before rtc_start_beats */

/*
 * Serializes accesses to the pair of ports, because an interrupt handler on any CPU uses them too.
 */
static struct spinlock cmos_lock = SPINLOCK("cmos");

static u8 cmos_read(u8 index)
{
    const u64 flags = spin_lock_irqsave(&cmos_lock);
    u32 value = 0;

    pv_port_out(CMOS_INDEX, 1, index);
    pv_port_in(CMOS_DATA, 1, &value);
    spin_unlock_irqrestore(&cmos_lock, flags);
    return (u8)value;
}

static void cmos_write(u8 index, u8 value)
{
    const u64 flags = spin_lock_irqsave(&cmos_lock);

    pv_port_out(CMOS_INDEX, 1, index);
    pv_port_out(CMOS_DATA, 1, value);
    spin_unlock_irqrestore(&cmos_lock, flags);
}

bool rtc_exists(void)
{
    return cmos_read(RTC_A) != 0xff || cmos_read(RTC_B) != 0xff;
}

void rtc_start_beats(u8 rate)
{
    rtc_a = cmos_read(RTC_A);
    rtc_b = cmos_read(RTC_B);
    cmos_write(RTC_A, (rtc_a & (u8)~RTC_A_RATE) | rate);
    cmos_read(RTC_C); /* clear an old request; from here on only the handler may read it */
    cmos_write(RTC_B, rtc_b | RTC_B_PERIODIC);
}

void rtc_stop_beats(void)
{
    cmos_write(RTC_B, rtc_b & (u8)~RTC_B_PERIODIC);
    cmos_write(RTC_A, rtc_a);
    cmos_read(RTC_C);
}

bool rtc_end_beat(void)
{
    return cmos_read(RTC_C) & RTC_C_INTERRUPT;
}
