/* SPDX-License-Identifier: MIT */
/*
 * Reference clocks: those whose frequency is known. The HPET (IA-PC HPET specification 1.0a,
 * section 2.3.4), ACPI's power management timer (ACPI 6.4, section 4.8.3.3), channel 2 of the 8254
 * (Intel 82C54 data sheet), and the seconds of the RTC (MC146818A data sheet).
 *
 * Each is started if necessary and used only if it is seen to count. The RTC is the exception: its
 * tick is a second, so the measurement itself finds out (clock.c).
 */
#include "lib/string.h"
#include "pv/native/cmos.h"
#include "pv/native/io.h"
#include "pv/native/mmio.h"
#include "pv/native/native.h"
#include "pv/native/refclock.h"

enum {
    ACPI_HPET_SPACE = 40, /* offset in the HPET table: the address space, 0 for memory */
    ACPI_HPET_ADDRESS = 44,
    HPET_PERIOD = 0x004, /* upper half of the capabilities: the period in femtoseconds */
    HPET_CONFIG = 0x010,
    HPET_COUNTER = 0x0f0,
    HPET_TIMERS_SHIFT = 8, /* in the capabilities: the number of the last timer */
    HPET_TIMERS_MASK = 0x1f,
    HPET_TIMER = 0x100, /* a timer's configuration; 0x20 bytes each */
    HPET_TIMER_SIZE = 0x20,
    HPET_SIZE = HPET_TIMER + (HPET_TIMERS_MASK + 1) * HPET_TIMER_SIZE,
    HPET_TIMER_INTERRUPTS = 1 << 2,
    HPET_ENABLE = 1 << 0,
    HPET_LEGACY_ROUTING = 1 << 1, /* replaces the PIT's and the RTC's interrupts */

    FADT_PM_TIMER_PORT = 76,

    PIT_CHANNEL2 = 0x42,
    PIT_COMMAND = 0x43,
    PIT_CHANNEL2_MODE0 = 0xb0, /* low byte, high byte, interrupt on terminal count */
    PIT_LATCH_CHANNEL2 = 0x80,
    PORT_61 = 0x61,
    PORT_61_GATE2 = 0x01,
    PORT_61_SPEAKER = 0x02,

    RTC_SECONDS = 0x00,
    RTC_A = 0x0a,
    RTC_A_UPDATING = 0x80, /* the seconds are not valid */
    RTC_ABSENT = 0xff,

    MOVES_WITHIN = 100000, /* reads, each below a microsecond */
};

#define FEMTOSECONDS_S  1000000000000000ull
#define HPET_PERIOD_MAX 100000000u /* femtoseconds, by the specification */

/* Written: by platform_init, on one CPU. */
static u64 hpet_pa;
static u16 pm_timer_port;

/* Return the table's field at offset, of this size, or NULL if the table ends before it. */
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

/* The PIT counts down from 65535 once, which takes 54 ms: longer than a measurement. */
static u32 pit_read(void)
{
    u8 low;

    outb(PIT_COMMAND, PIT_LATCH_CHANNEL2);
    low = inb(PIT_CHANNEL2);
    return 0xffffu - (low | (u32)inb(PIT_CHANNEL2) << 8);
}

/*
 * Count the seconds that begin between two reads. The RTC has faster ticks, but they are flags that
 * a read clears: if several pass while a host does not run this CPU, one is counted.
 */
static u32 rtc_read(void)
{
    static u8 second; /* Written: while time_init measures, on one CPU */
    static u32 count; /* Written: while time_init measures, on one CPU */
    u8 now;

    if (cmos_read(RTC_A) & RTC_A_UPDATING)
        return count;
    now = cmos_read(RTC_SECONDS);
    if (now != second)
        count++;
    second = now;
    return count;
}

/* Written: by platform_init, which learns the HPET's rate. */
static struct reference_clock hpet_clock = {
    .name = "HPET",
    .read = hpet_read,
    .mask = 0xffffffff,
};
static struct reference_clock pm_timer_clock = {
    .name = "ACPI PM timer",
    .read = pm_timer_read,
    .mask = 0xffffff,
    .femtoseconds = 279365115, /* 3.579545 MHz */
};
static struct reference_clock pit_clock = {
    .name = "PIT", .read = pit_read, .mask = 0xffff, .femtoseconds = 838095345, /* 1.193182 MHz */
};
static struct reference_clock rtc_clock = {
    .name = "RTC",
    .read = rtc_read,
    .mask = 0xffffffff,
    .femtoseconds = FEMTOSECONDS_S,
};

static bool clock_counts(const struct reference_clock *clock)
{
    const u32 first = clock->read();

    for (int i = 0; i < MOVES_WITHIN; i++)
        if (((clock->read() - first) & clock->mask) > 2)
            return true;
    return false;
}

/* Start the counter, and turn off the interrupts that firmware has set up. */
static void hpet_silence(void)
{
    const u32 last = mmio_read32(hpet_pa) >> HPET_TIMERS_SHIFT & HPET_TIMERS_MASK;
    const u32 config = mmio_read32(hpet_pa + HPET_CONFIG);

    for (u32 i = 0; i <= last; i++) {
        const u64 timer = hpet_pa + HPET_TIMER + i * HPET_TIMER_SIZE;

        mmio_write32(timer, mmio_read32(timer) & ~(u32)HPET_TIMER_INTERRUPTS);
    }
    mmio_write32(hpet_pa + HPET_CONFIG, (config | HPET_ENABLE) & ~(u32)HPET_LEGACY_ROUTING);
}

void native_hpet_acpi_init(struct boot_info *info, const struct acpi_header *table)
{
    const u8 *const address = field(table, ACPI_HPET_ADDRESS, 8);
    const u64 pa = address ? load64(address) : 0;

    if (!pa)
        return;
    if (*field(table, ACPI_HPET_SPACE, 1) || pa % 8 || pa % PAGE_SIZE + HPET_SIZE > PAGE_SIZE)
        pv_warn("HPET at %#llx is ignored: not registers in memory, on a boundary",
                (unsigned long long)pa);
    else if (native_add_registers(info, "HPET", pa))
        hpet_pa = pa;
}

static bool hpet_start(void)
{
    u32 period;

    if (!hpet_pa)
        return false;
    period = mmio_read32(hpet_pa + HPET_PERIOD);
    if (!period || period > HPET_PERIOD_MAX)
        return false;
    hpet_silence();
    hpet_clock.femtoseconds = period;
    return clock_counts(&hpet_clock);
}

static bool pm_timer_start(const struct acpi_header *fadt)
{
    const u8 *const port = field(fadt, FADT_PM_TIMER_PORT, 4);

    pm_timer_port = port ? (u16)load32(port) : 0;
    return pm_timer_port && clock_counts(&pm_timer_clock);
}

static bool pit_start(void)
{
    outb(PORT_61, (inb(PORT_61) & (u8)~PORT_61_SPEAKER) | PORT_61_GATE2);
    outb(PIT_COMMAND, PIT_CHANNEL2_MODE0);
    outb(PIT_CHANNEL2, 0xff);
    outb(PIT_CHANNEL2, 0xff);
    return clock_counts(&pit_clock);
}

static bool rtc_exists(void)
{
    return cmos_read(RTC_A) != RTC_ABSENT || cmos_read(RTC_SECONDS) != RTC_ABSENT;
}

const struct reference_clock *native_reference_find(const struct acpi_header *fadt)
{
    if (hpet_start())
        return &hpet_clock;
    if (pm_timer_start(fadt))
        return &pm_timer_clock;
    if (pit_start())
        return &pit_clock;
    return rtc_exists() ? &rtc_clock : NULL;
}
