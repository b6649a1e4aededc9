/* SPDX-License-Identifier: MIT */
/*
 * The CMOS of a PC: registers of the real-time clock and battery-backed RAM, reached through an
 * index and a data port (Motorola MC146818A data sheet). Bit 7 of the index port masks NMIs, so it
 * is always written as 0. Context: one CPU at a time, interrupts disabled, because an access takes
 * two steps.
 */
#ifndef PV_NATIVE_CMOS_H
#define PV_NATIVE_CMOS_H

#include "pv/native/io.h"

enum {
    CMOS_INDEX = 0x70,
    CMOS_DATA = 0x71,
};

static inline u8 cmos_read(u8 index)
{
    outb(CMOS_INDEX, index);
    return inb(CMOS_DATA);
}

static inline void cmos_write(u8 index, u8 value)
{
    outb(CMOS_INDEX, index);
    outb(CMOS_DATA, value);
}

#endif
