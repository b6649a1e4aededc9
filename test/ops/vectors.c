/* SPDX-License-Identifier: MIT */
/*
 * Interrupts at vectors without an owner, that is without a line, IPI or timer: left pending by the
 * firmware or by an earlier kernel, sent by a device whose message was not set up, or spurious.
 * Until it gets an EOI, the local APIC keeps such an interrupt in service and blocks its priority
 * class and all lower ones (Intel SDM vol. 3, section 11.8.5).
 */
#include "kernel/registry.h"
#include "lib/address_map.h"
#include "pv/apic_regs.h"
#include "test/harness/lines.h"
#include "test/harness/rtc.h"

/* Vectors below 32 are exceptions, but the APIC delivers interrupts from vector 16 on. */
#define FIRST_ABOVE_EXCEPTIONS 3
static const u8 unclaimed[] = {0x10, 0x12, 0x1f, 0x20, 0x27, 0x2f, 0x80, 0x9c,
                               0xbf, 0xdf, 0xe4, 0xec, 0xee, 0xf0, 0xfe, 0xff};

static u32 apic_register(u32 offset)
{
    u32 value = 0;

    EXPECT_EQ(pv_apic_read(offset, &value), 0);
    return value;
}

static bool is_requested(u8 vector)
{
    return apic_register(APIC_IRR + vector / 32 * 16) >> vector % 32 & 1;
}

static u32 nr_in_service(void)
{
    u32 count = 0;

    for (u32 i = 0; i < 8; i++)
        for (u32 word = apic_register(APIC_ISR + i * 16); word; word &= word - 1)
            count++;
    return count;
}

static void on_timer(struct timer *timer)
{
    (void)timer;
}

static bool timer_fires(void)
{
    struct timer timer = {0};

    timer_start(&timer, pv_clock_ns() + 100 * NS_PER_US, on_timer);
    SPIN_UNTIL(!READ_ONCE(timer.queued));
    return !timer_stop(&timer);
}

static bool line_works(void)
{
    struct test_line line = {0};
    bool came;

    if (!test_line_open(&line))
        return false;
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    came = test_line_hits(&line, 1);
    test_line_close(&line);
    return came;
}

/* Send the vector to this CPU; afterwards lines, timers and IPIs must still be delivered. */
static bool is_harmless(u8 vector, u32 apic_id)
{
    const u64 before = irq_unclaimed(vector);

    EXPECT_EQ(pv_apic_icr(apic_id, ICR_ASSERT | vector), 0);
    SPIN_UNTIL(!is_requested(vector));
    EXPECT(irq_unclaimed(vector) > before);
    if (EXPECT_EQ(nr_in_service(), 0) && EXPECT_EQ(apic_register(APIC_PPR), 0) &&
        EXPECT(line_works()) && EXPECT(timer_fires()))
        return true;
    print("# after an interrupt at vector 0x%x\n", vector);
    return false;
}

TEST(irq, unowned_vector_blocks_no_other, irq_init, apic_icr, apic_read)
{
    const bool native = on_bare_metal();
    u32 id = 0, i = 0;

    if (pv_apic_read(APIC_ID, &id) == -ENODEV)
        SKIP("no local APIC");
    if (!native)
        i = FIRST_ABOVE_EXCEPTIONS; /* docs/facts.md: VMRUN may deliver an interrupt twice */
    while (i < ARRAY_SIZE(unclaimed) && is_harmless(unclaimed[i], id))
        i++;
    for (u32 left = nr_in_service(); left; left--)
        pv_apic_eoi(); /* so that a failure does not block later tests */
}

/* A PC's timer through an 8259 and the pin LINT0, as before local APICs. */
enum {
    PIC_MASK = 0x21,
    PIC2_MASK = 0xa1,
    ONLY_PIN_0 = 0xfe,
    ONLY_CASCADE = 0xfb, /* pin 2, to which the second 8259 is wired */
    PIT_COUNT = 0x40,
    PIT_MODE = 0x43,
    PIT_PERIODIC = 0x34, /* counter 0, low byte then high byte, mode 2 */
    PIT_LATCH = 0,
    PIT_1_KHZ = 1193,
    VECTOR_8259 = 0x20,
};

static u32 read_port(u16 port)
{
    u32 value = 0;

    pv_port_in(port, 1, &value);
    return value;
}

static u32 pit_count(void)
{
    u32 low;

    pv_port_out(PIT_MODE, 1, PIT_LATCH);
    low = read_port(PIT_COUNT);
    return read_port(PIT_COUNT) << 8 | low;
}

static bool pit_counts(void)
{
    u32 before;

    pv_port_out(PIT_MODE, 1, PIT_PERIODIC);
    pv_port_out(PIT_COUNT, 1, PIT_1_KHZ & 0xff);
    pv_port_out(PIT_COUNT, 1, PIT_1_KHZ >> 8);
    before = pit_count();
    spin(100 * NS_PER_US);
    return pit_count() != before;
}

static bool unmask_pic(u16 port, u8 mask)
{
    pv_port_out(port, 1, mask);
    return read_port(port) == mask;
}

static bool unmask_8259(u8 mask)
{
    return unmask_pic(PIC_MASK, mask);
}

static void mask_8259s(void)
{
    pv_irq_disable();
    unmask_8259(0xff); /* before LINT0: docs/facts.md */
    EXPECT_EQ(pv_apic_write(APIC_LVT_LINT0, LVT_MASKED), 0);
    pv_irq_enable();
}

/*
 * The interrupts of a PC's timer have no owner; the second one is delivered only if the first got
 * its EOI.
 */
TEST(irq, interrupt_of_an_8259_is_ended, irq_init, apic_write)
{
    const u64 before = irq_unclaimed(VECTOR_8259);

    if (!on_bare_metal())
        SKIP("the guest has no 8259");
    if (!pit_counts())
        SKIP("this machine has no 8254 timer");
    EXPECT_EQ(pv_apic_write(APIC_LVT_LINT0, LVT_EXTINT), 0);
    if (!unmask_8259(ONLY_PIN_0)) {
        mask_8259s();
        SKIP("this machine has no 8259");
    }
    EXPECT(SPIN_UNTIL(irq_unclaimed(VECTOR_8259) >= before + 3));
    mask_8259s();
}

/*
 * Pin 0 of the second 8259 is the RTC's. Both 8259s block further interrupts until they get an EOI.
 */
TEST(irq, interrupt_of_the_second_8259_is_ended_in_both, irq_init, apic_write)
{
    const u8 vector = VECTOR_8259 + RTC_IRQ;
    struct time_limit limit = time_limit(10 * NS_PER_S);
    const u64 before = irq_unclaimed(vector);

    if (!on_bare_metal())
        SKIP("the guest has no 8259");
    if (!rtc_exists())
        SKIP("this machine has no real-time clock");
    EXPECT_EQ(pv_apic_write(APIC_LVT_LINT0, LVT_EXTINT), 0);
    if (!unmask_8259(ONLY_CASCADE) || !unmask_pic(PIC2_MASK, ONLY_PIN_0)) {
        mask_8259s();
        SKIP("this machine has no 8259");
    }
    rtc_start_beats(RTC_1024_HZ);
    while (irq_unclaimed(vector) < before + 3 && !time_limit_reached(&limit))
        rtc_end_beat();
    EXPECT(irq_unclaimed(vector) >= before + 3);
    mask_8259s();
    unmask_pic(PIC2_MASK, 0xff);
    rtc_stop_beats();
}

/*
 * inject=interrupts_left: before the kernel initializes the APIC, put one interrupt in service and
 * make others pending, as after a jump out of another kernel's interrupt handler. Only in xAPIC
 * mode, whose registers the boot page tables map.
 */
enum {
    SVR_SPURIOUS_VECTOR = 0xff,
    ICR_SELF = 0x40000,
};
#define APIC_PAGE 0xfee00000ull

static void xapic_write(u32 offset, u32 value)
{
    *(volatile u32 *)(DIRECT_MAP_BASE + APIC_PAGE + offset) = value;
}

static void inject_interrupts_left(void)
{
    unmask_8259(0xff); /* a PC's firmware leaves the timer enabled, at the vector of #DF */
    xapic_write(APIC_SVR, SVR_ENABLE | SVR_SPURIOUS_VECTOR);
    xapic_write(APIC_ICR_LOW, ICR_SELF | 0xec);
    pv_irq_enable();
    pv_io_delay();
    pv_irq_disable();
    xapic_write(APIC_ICR_LOW, ICR_SELF | 0x9c);
    xapic_write(APIC_ICR_LOW, ICR_SELF | 0xed);
}

INJECT(interrupts_left, INJECT_EARLY, inject_interrupts_left);
