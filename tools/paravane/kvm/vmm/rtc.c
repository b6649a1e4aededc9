/* SPDX-License-Identifier: MIT */
/*
 * A real-time clock (Motorola MC146818A data sheet), with its periodic interrupt: BCD digits, 24
 * hours, a century at 0x32. It is never in an update. Its time is this program's, moved by what the
 * guest has set.
 */
#include "vmm.h"
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    INDEX_MASK = 0x7f,
    REG_A = 0xa,
    A_32KHZ = 0x26, /* the divider of a running clock, and 1024 Hz */
    A_RATE = 0x0f,
    REG_B = 0xb,
    B_SET = 0x80,
    B_PERIODIC = 0x40,
    B_24_HOURS = 0x02,
    REG_C = 0xc,
    C_PERIODIC = 0xc0, /* and that an interrupt is pending */
    REG_D = 0xd,
    D_VALID = 0x80,
    CENTURY = 0x32,
    IRQ = 8,
    IDLE_US = 2000,
};

/* All is under this lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t regs[INDEX_MASK + 1] = {[REG_A] = A_32KHZ, [REG_B] = B_24_HOURS, [REG_D] = D_VALID};
static uint8_t index_register;
static time_t offset;

static uint8_t bcd(int value)
{
    return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

static int from_bcd(uint8_t digits)
{
    return (digits >> 4) * 10 + (digits & 15);
}

static void latch_time(void)
{
    const time_t now = time(NULL) + offset;
    struct tm t;

    gmtime_r(&now, &t);
    regs[0] = bcd(t.tm_sec);
    regs[2] = bcd(t.tm_min);
    regs[4] = bcd(t.tm_hour);
    regs[6] = bcd(t.tm_wday + 1);
    regs[7] = bcd(t.tm_mday);
    regs[8] = bcd(t.tm_mon + 1);
    regs[9] = bcd(t.tm_year % 100);
    regs[CENTURY] = bcd(t.tm_year / 100 + 19);
}

static void set_time(void)
{
    struct tm t = {
        .tm_sec = from_bcd(regs[0]),
        .tm_min = from_bcd(regs[2]),
        .tm_hour = from_bcd(regs[4]),
        .tm_mday = from_bcd(regs[7]),
        .tm_mon = from_bcd(regs[8]) - 1,
        .tm_year = from_bcd(regs[CENTURY]) * 100 + from_bcd(regs[9]) - 1900,
    };

    offset = timegm(&t) - time(NULL);
}

static uint8_t read_register(uint8_t reg)
{
    const uint8_t value = regs[reg];

    if (reg == REG_C) {
        regs[REG_C] = 0;
        set_irq(IRQ, 0);
    }
    return value;
}

static void write_register(uint8_t reg, uint8_t value)
{
    const uint8_t before = regs[reg];

    if (reg == REG_C || reg == REG_D)
        return;
    regs[reg] = value;
    if (reg == REG_B && before & ~value & B_SET)
        set_time();
}

uint8_t rtc_read(uint32_t port)
{
    uint8_t value;

    pthread_mutex_lock(&lock);
    if (!(regs[REG_B] & B_SET))
        latch_time();
    value = port == RTC ? 0xff : read_register(index_register);
    pthread_mutex_unlock(&lock);
    return value;
}

void rtc_write(uint32_t port, uint8_t value)
{
    pthread_mutex_lock(&lock);
    if (port == RTC)
        index_register = value & INDEX_MASK;
    else
        write_register(index_register, value);
    pthread_mutex_unlock(&lock);
}

/* Return how long until the next periodic interrupt, in us, and raise this one; 0: they are off. */
static useconds_t beat(void)
{
    const uint32_t rate = regs[REG_A] & A_RATE;

    if (!(regs[REG_B] & B_PERIODIC) || rate < 3)
        return 0;
    regs[REG_C] |= C_PERIODIC;
    set_irq(IRQ, 1);
    return 1000000u / (32768 >> (rate - 1));
}

void *rtc_run(void *unused)
{
    useconds_t next;

    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        next = beat();
        pthread_mutex_unlock(&lock);
        usleep(next ? next : IDLE_US);
    }
    return NULL;
}
