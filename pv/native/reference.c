/*
 * The clocks whose frequency is known without asking: the HPET (IA-PC HPET specification 1.0a,
 * section 2.3.4), ACPI's power management timer (ACPI 6.4, section 4.8.3.3), channel 2 of the 8254
 * (Intel 82C54 data sheet), and the periodic flag of the RTC (MC146818A data sheet). Each is
 * started if need be and must be seen to move.
 */
#include "lib/string.h"
#include "pv/native/cmos.h"
#include "pv/native/io.h"
#include "pv/native/mmio.h"
#include "pv/native/reference.h"

enum {
    ACPI_HPET_ADDRESS = 44, /* in the table of that name */
    HPET_PERIOD = 0x004,    /* upper half of the capabilities: femtoseconds */
    HPET_CONFIG = 0x010,
    HPET_COUNTER = 0x0f0,
    HPET_ENABLE = 1,

    FADT_PM_TIMER_PORT = 76,

    PIT_CHANNEL2 = 0x42,
    PIT_COMMAND = 0x43,
    PIT_CHANNEL2_MODE0 = 0xb0, /* low byte, high byte, interrupt on terminal count */
    PIT_LATCH_CHANNEL2 = 0x80,
    PORT_61 = 0x61,
    PORT_61_GATE2 = 0x01,
    PORT_61_SPEAKER = 0x02,

    RTC_A = 0x0a,
    RTC_A_RATE = 0x0f,
    RTC_A_1024_HZ = 0x06,
    RTC_B = 0x0b,
    RTC_B_PERIODIC = 0x40, /* emulators set the flag only if its interrupt is enabled */
    RTC_C = 0x0c,
    RTC_C_PERIODIC = 0x40,
    RTC_C_ZERO = 0x0f, /* bits that an RTC reads as zero */

    MOVES_WITHIN = 100000, /* reads; each takes a part of a microsecond */
};

#define HPET_PERIOD_MAX 100000000u /* femtoseconds, by the specification */

/* Written: by platform_init, on one CPU. */
static u64 hpet_pa;
static u16 pm_timer_port;

/* The field at offset of this size, which the table must have. */
static const u8 *field(const struct acpi_header *table, u32 offset, u32 size)
{
    return table && table->length >= offset + size ? (const u8 *)table + offset : NULL;
}

static u32 hpet_read(void)
{
    return mmio_read32(hpet_pa + HPET_COUNTER);
}

static u32 pm_timer_read(void)
{
    return inl(pm_timer_port);
}

/* Counts down from 65535, once: 54 ms, longer than any measurement. */
static u32 pit_read(void)
{
    u8 low;

    outb(PIT_COMMAND, PIT_LATCH_CHANNEL2);
    low = inb(PIT_CHANNEL2);
    return 0xffffu - (low | (u32)inb(PIT_CHANNEL2) << 8);
}

/* The flag is cleared by the read, so it counts if it is read more often than it is set. */
static u32 rtc_read(void)
{
    static u32 ticks; /* Written: while time_init measures, on one CPU */

    ticks += (cmos_read(RTC_C) & RTC_C_PERIODIC) != 0;
    return ticks;
}

/* As the firmware left them. Written: by time_init, on one CPU. */
static u8 rtc_a, rtc_b;

static void rtc_stop(void)
{
    cmos_write(RTC_B, rtc_b);
    cmos_write(RTC_A, rtc_a);
    cmos_read(RTC_C);
}

/* Written: by platform_init, which learns the HPET's rate. */
static struct reference_clock hpet_clock = {"HPET", hpet_read, 0xffffffff, 0, NULL};
static struct reference_clock pm_timer_clock = {"ACPI PM timer", pm_timer_read, 0xffffff, 279365115,
                                                NULL}; /* 3.579545 MHz */
static struct reference_clock pit_clock = {"PIT", pit_read, 0xffff, 838095345,
                                           NULL}; /* 1.193182 MHz */
static struct reference_clock rtc_clock = {"RTC", rtc_read, 0xffffffff, 976562500000, rtc_stop};

static bool moves(const struct reference_clock *clock)
{
    const u32 first = clock->read();

    for (int i = 0; i < MOVES_WITHIN; i++)
        if (((clock->read() - first) & clock->mask) > 2)
            return true;
    return false;
}

static bool hpet_start(const struct acpi_header *table)
{
    const u8 *const address = field(table, ACPI_HPET_ADDRESS, 8);
    u32 period;

    hpet_pa = address ? load64(address) : 0;
    if (!hpet_pa || hpet_pa >= BOOT_MAP_SIZE)
        return false;
    period = mmio_read32(hpet_pa + HPET_PERIOD);
    if (!period || period > HPET_PERIOD_MAX)
        return false;
    mmio_write32(hpet_pa + HPET_CONFIG, mmio_read32(hpet_pa + HPET_CONFIG) | HPET_ENABLE);
    hpet_clock.femtoseconds = period;
    return moves(&hpet_clock);
}

static bool pm_timer_start(const struct acpi_header *fadt)
{
    const u8 *const port = field(fadt, FADT_PM_TIMER_PORT, 4);

    pm_timer_port = port ? (u16)load32(port) : 0;
    return pm_timer_port && moves(&pm_timer_clock);
}

static bool pit_start(void)
{
    outb(PORT_61, (inb(PORT_61) & (u8)~PORT_61_SPEAKER) | PORT_61_GATE2);
    outb(PIT_COMMAND, PIT_CHANNEL2_MODE0);
    outb(PIT_CHANNEL2, 0xff);
    outb(PIT_CHANNEL2, 0xff);
    return moves(&pit_clock);
}

/* Interrupts are disabled, and irq_init drops the request that the flag makes. */
static bool rtc_start(void)
{
    if (cmos_read(RTC_C) & RTC_C_ZERO)
        return false;
    rtc_a = cmos_read(RTC_A);
    rtc_b = cmos_read(RTC_B);
    cmos_write(RTC_A, (rtc_a & (u8)~RTC_A_RATE) | RTC_A_1024_HZ);
    cmos_write(RTC_B, rtc_b | RTC_B_PERIODIC);
    if (moves(&rtc_clock))
        return true;
    rtc_stop();
    return false;
}

const struct reference_clock *native_reference_find(const struct acpi_header *hpet,
                                                    const struct acpi_header *fadt)
{
    if (hpet_start(hpet))
        return &hpet_clock;
    if (pm_timer_start(fadt))
        return &pm_timer_clock;
    if (pit_start())
        return &pit_clock;
    return rtc_start() ? &rtc_clock : NULL;
}
