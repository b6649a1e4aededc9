/* SPDX-License-Identifier: MIT */
/*
 * Event channels to other domains: each notification of one end is an interrupt of the other end's
 * line, by the rules of lines (test/ops/irq.c). This guest has both ends here.
 */
#include "test/harness/cpus.h"
#include "test/harness/grants.h"

#define QUIET_NS (200 * NS_PER_US)

/* The two ends. The line of each counts its interrupts. */
struct channel {
    struct test_line offer, peer;
};

static void count_hit(void *data)
{
    struct test_line *line = data;

    WRITE_ONCE(line->hits, line->hits + 1);
    line->intrusions += line->hits && line->closed;
    if (line->during)
        line->during(line);
}

static bool end_open(struct test_line *line, int bound)
{
    if (!EXPECT(bound >= 0))
        return false;
    line->line = (u32)bound;
    return EXPECT_EQ(irq_request(line->line, count_hit, line), 0);
}

/* Open both ends, and take the interrupt with which the second one begins. */
static bool channel_open(struct channel *c)
{
    if (!end_open(&c->offer, pv_evtchn_alloc(PV_DOMAIN_SELF)) ||
        !end_open(&c->peer, pv_evtchn_bind(PV_DOMAIN_SELF, (u32)pv_evtchn_port(c->offer.line))) ||
        !EXPECT(test_line_hits(&c->peer, 1)))
        return false;
    c->peer.hits = 0;
    return true;
}

static void channel_close(struct channel *c)
{
    test_line_close(&c->peer);
    test_line_close(&c->offer);
}

static void expect_quiet(const struct test_line *line, u32 hits)
{
    spin(QUIET_NS);
    EXPECT_EQ(READ_ONCE(line->hits), hits);
}

TEST(evtchn, platform_without_other_guests_says_so, evtchn_alloc, evtchn_bind, evtchn_port,
     evtchn_notify)
{
    if (on_xen())
        SKIP("this hypervisor has event channels");
    EXPECT_EQ(pv_evtchn_alloc(0), -ENODEV);
    EXPECT_EQ(pv_evtchn_bind(0, 1), -ENODEV);
    EXPECT_EQ(pv_evtchn_port(1), -ENODEV);
    EXPECT_EQ(pv_evtchn_notify(1), -ENODEV);
}

TEST(evtchn, each_notification_is_one_interrupt_of_the_other_end, evtchn_alloc, evtchn_bind,
     evtchn_notify, evtchn_port)
{
    struct channel c = {0};

    NEEDS_GRANTS;
    REQUIRE(channel_open(&c));
    for (u32 i = 1; i <= 3; i++) {
        EXPECT_EQ(pv_evtchn_notify(c.offer.line), 0);
        EXPECT(test_line_hits(&c.peer, i));
        EXPECT_EQ(pv_evtchn_notify(c.peer.line), 0);
        EXPECT(test_line_hits(&c.offer, i));
    }
    expect_quiet(&c.peer, 3);
    expect_quiet(&c.offer, 3);
    channel_close(&c);
}

/* An end that is bound late may have missed notifications, so it begins with an interrupt. */
TEST(evtchn, new_end_starts_masked_with_one_interrupt_pending, evtchn_bind, evtchn_alloc)
{
    const u64 unexpected = irq_counts.unexpected;
    struct channel c = {0};
    int bound;

    NEEDS_GRANTS;
    REQUIRE(end_open(&c.offer, pv_evtchn_alloc(PV_DOMAIN_SELF)));
    EXPECT_EQ(pv_evtchn_notify(c.offer.line), 0);
    bound = pv_evtchn_bind(PV_DOMAIN_SELF, (u32)pv_evtchn_port(c.offer.line));
    spin(QUIET_NS);
    EXPECT_EQ(irq_counts.unexpected, unexpected);
    REQUIRE(end_open(&c.peer, bound));
    EXPECT(test_line_hits(&c.peer, 1));
    expect_quiet(&c.peer, 1);
    expect_quiet(&c.offer, 0);
    channel_close(&c);
}

TEST(evtchn, offered_end_starts_masked, evtchn_alloc)
{
    const u64 unexpected = irq_counts.unexpected;
    struct test_line peer = {0};
    int offer;

    NEEDS_GRANTS;
    offer = pv_evtchn_alloc(PV_DOMAIN_SELF);
    REQUIRE(offer >= 0);
    REQUIRE(end_open(&peer, pv_evtchn_bind(PV_DOMAIN_SELF, (u32)pv_evtchn_port((u32)offer))));
    EXPECT_EQ(pv_evtchn_notify(peer.line), 0);
    spin(QUIET_NS);
    EXPECT_EQ(irq_counts.unexpected, unexpected);
    EXPECT_EQ(pv_irq_unmask((u32)offer), 0);
    spin(QUIET_NS);
    EXPECT_EQ(irq_counts.unexpected, unexpected + 1);
    EXPECT_EQ(pv_irq_unbind((u32)offer), 0);
    test_line_close(&peer);
}

TEST(evtchn, masked_end_keeps_its_interrupt_pending, evtchn_notify, irq_mask, irq_unmask)
{
    struct channel c = {0};

    NEEDS_GRANTS;
    REQUIRE(channel_open(&c));
    EXPECT_EQ(pv_irq_mask(c.peer.line), 0);
    for (u32 i = 0; i < 3; i++)
        EXPECT_EQ(pv_evtchn_notify(c.offer.line), 0);
    expect_quiet(&c.peer, 0);
    EXPECT_EQ(pv_irq_unmask(c.peer.line), 0);
    EXPECT(test_line_hits(&c.peer, 1));
    expect_quiet(&c.peer, 1);
    channel_close(&c);
}

static void notify_back(struct test_line *line)
{
    if (line->hits < 100)
        EXPECT_EQ(pv_evtchn_notify(line->line), 0);
}

/* Both ends notify each other from their handlers, 100 times. */
TEST(evtchn, handlers_may_notify, evtchn_notify, irq_eoi)
{
    struct channel c = {.offer.during = notify_back, .peer.during = NULL};

    NEEDS_GRANTS;
    REQUIRE(channel_open(&c));
    c.peer.during = notify_back;
    EXPECT_EQ(pv_evtchn_notify(c.offer.line), 0);
    EXPECT(test_line_hits(&c.peer, 100));
    EXPECT(READ_ONCE(c.offer.hits) >= 99);
    channel_close(&c);
}

TEST(evtchn, closed_channel_delivers_nothing, irq_unbind, evtchn_notify)
{
    struct channel c = {0};
    int port;

    NEEDS_GRANTS;
    REQUIRE(channel_open(&c));
    port = pv_evtchn_port(c.offer.line);
    test_line_close(&c.peer);
    EXPECT_EQ(pv_evtchn_notify(c.peer.line), -EINVAL);
    EXPECT_EQ(pv_evtchn_port(c.peer.line), -EINVAL);
    EXPECT_EQ(pv_evtchn_notify(c.offer.line), 0);
    expect_quiet(&c.peer, 0);
    /* The end that is left can be bound again. */
    REQUIRE(end_open(&c.peer, pv_evtchn_bind(PV_DOMAIN_SELF, (u32)port)));
    EXPECT(test_line_hits(&c.peer, 1));
    EXPECT_EQ(pv_evtchn_notify(c.offer.line), 0);
    EXPECT(test_line_hits(&c.peer, 2));
    channel_close(&c);
}

TEST(evtchn, bad_channels_are_refused, evtchn_alloc, evtchn_bind)
{
    struct channel c = {0};
    int port, foreign;

    NEEDS_GRANTS;
    REQUIRE(channel_open(&c));
    port = pv_evtchn_port(c.offer.line);
    REQUIRE(port >= 0);
    EXPECT_EQ(pv_evtchn_alloc(0x7ff0), -EINVAL);
    EXPECT_EQ(pv_evtchn_alloc(0x10000), -EINVAL);
    EXPECT_EQ(pv_evtchn_bind(PV_DOMAIN_SELF, (u32)port), -EINVAL); /* it has its other end */
    EXPECT_EQ(pv_evtchn_bind(PV_DOMAIN_SELF, ~0u), -EINVAL);
    EXPECT_EQ(pv_evtchn_bind(PV_DOMAIN_SELF, 0), -EINVAL);
    EXPECT_EQ(pv_evtchn_bind(0x7ff0, (u32)port), -EINVAL);
    EXPECT_EQ(pv_evtchn_bind(0x10000, (u32)port), -EINVAL);
    EXPECT_EQ(pv_evtchn_bind(0x7fef, (u32)port), -EINVAL); /* a domain that does not exist */
    foreign = pv_evtchn_alloc(77);
    REQUIRE(foreign >= 0);
    EXPECT_EQ(pv_evtchn_bind(PV_DOMAIN_SELF, (u32)pv_evtchn_port((u32)foreign)), -EINVAL);
    EXPECT_EQ(pv_evtchn_notify((u32)foreign), 0);
    EXPECT_EQ(pv_irq_unbind((u32)foreign), 0);
    channel_close(&c);
}

/* dom0 has number 0, so it can offer and bind by that, too. */
TEST(evtchn, channel_is_offered_to_the_domain_of_that_number, evtchn_alloc, evtchn_bind)
{
    struct channel c = {0};

    NEEDS_GRANTS;
    if (on_domu())
        SKIP("a domU cannot find its own number");
    REQUIRE(end_open(&c.offer, pv_evtchn_alloc(0)));
    REQUIRE(end_open(&c.peer, pv_evtchn_bind(0, (u32)pv_evtchn_port(c.offer.line))));
    EXPECT(test_line_hits(&c.peer, 1));
    channel_close(&c);
}

TEST(evtchn, channels_and_soft_lines_are_not_mixed_up, evtchn_port, evtchn_notify, irq_raise)
{
    struct test_line soft = {0};
    struct channel c = {0};

    NEEDS_GRANTS;
    REQUIRE(channel_open(&c));
    REQUIRE(test_line_open(&soft));
    EXPECT_EQ(pv_irq_raise(c.offer.line), -EINVAL);
    EXPECT_EQ(pv_irq_raise(c.peer.line), -EINVAL);
    EXPECT_EQ(pv_evtchn_notify(soft.line), -EINVAL);
    EXPECT_EQ(pv_evtchn_port(soft.line), -EINVAL);
    EXPECT_EQ(pv_evtchn_port(~0u), -EINVAL);
    EXPECT_EQ(pv_evtchn_notify(~0u), -EINVAL);
    expect_quiet(&c.offer, 0);
    expect_quiet(&c.peer, 0);
    expect_quiet(&soft, 0);
    test_line_close(&soft);
    channel_close(&c);
}

/* Two channels, so that a mix-up of ends is seen. */
TEST(evtchn, each_end_has_its_own_partner, evtchn_bind, evtchn_port, evtchn_notify)
{
    struct channel one = {0}, other = {0};

    NEEDS_GRANTS;
    REQUIRE(channel_open(&one) && channel_open(&other));
    EXPECT(pv_evtchn_port(one.offer.line) != pv_evtchn_port(other.offer.line));
    EXPECT_EQ(pv_evtchn_notify(one.offer.line), 0);
    EXPECT(test_line_hits(&one.peer, 1));
    EXPECT_EQ(pv_evtchn_notify(other.peer.line), 0);
    EXPECT(test_line_hits(&other.offer, 1));
    expect_quiet(&one.offer, 0);
    expect_quiet(&other.peer, 0);
    channel_close(&one);
    channel_close(&other);
}

/* Allocate until none is left, at most so many. Return how many there were. */
static u32 alloc_all(u16 *lines, u32 most)
{
    u32 count = 0;
    int line = 0;

    while (count < most && line >= 0) {
        line = pv_evtchn_alloc(PV_DOMAIN_SELF);
        if (line >= 0)
            lines[count++] = (u16)line;
    }
    EXPECT_EQ(line, -ENOSPC);
    return count;
}

/* Once all are in use, exactly as many can be allocated as were released. */
TEST(evtchn, channels_run_out_by_name_and_none_is_lost, evtchn_alloc, irq_unbind)
{
    enum { SOME = 64 };
    static u16 lines[9000], again[SOME + 1];
    u32 count;

    NEEDS_GRANTS;
    count = alloc_all(lines, ARRAY_SIZE(lines));
    REQUIRE(count >= SOME);
    for (u32 i = 0; i < SOME; i++)
        EXPECT_EQ(pv_irq_unbind(lines[i * (count / SOME)]), 0);
    EXPECT_EQ(alloc_all(again, ARRAY_SIZE(again)), SOME);
    for (u32 i = 0; i < SOME; i++)
        lines[i * (count / SOME)] = again[i];
    while (count)
        EXPECT_EQ(pv_irq_unbind(lines[--count]), 0);
}

/* ---- Several CPUs --------------------------------------------------------------------------- */

static struct channel between;
static u32 cpu_of_hit;

static void note_cpu(struct test_line *line)
{
    (void)line;
    WRITE_ONCE(cpu_of_hit, pv_this_cpu());
}

/* Wait for note_cpu, which runs after the hit is counted. */
static u32 cpu_that_was_hit(void)
{
    struct time_limit limit = time_limit(10 * NS_PER_S);

    while (READ_ONCE(cpu_of_hit) == ~0u && !time_limit_reached(&limit))
        barrier();
    return READ_ONCE(cpu_of_hit);
}

static void open_between(void *arg)
{
    (void)arg;
    between = (struct channel){.offer.during = note_cpu};
    between.peer.during = note_cpu;
    EXPECT(channel_open(&between));
}

TEST(evtchn, interrupt_is_delivered_on_the_cpu_that_bound_the_line, evtchn_alloc, evtchn_bind)
{
    NEEDS_GRANTS;
    NEEDS_CPUS(2);
    for (u32 cpu = 0; cpu < 2; cpu++) {
        run_on_cpu(cpu, open_between, NULL);
        for (u32 i = 1; i <= 3; i++) {
            cpu_of_hit = ~0u;
            EXPECT_EQ(pv_evtchn_notify(between.offer.line), 0);
            EXPECT(test_line_hits(&between.peer, i));
            EXPECT_EQ(cpu_that_was_hit(), cpu);
            cpu_of_hit = ~0u;
            EXPECT_EQ(pv_evtchn_notify(between.peer.line), 0);
            EXPECT(test_line_hits(&between.offer, i));
            EXPECT_EQ(cpu_that_was_hit(), cpu);
        }
        channel_close(&between);
    }
}
