/* SPDX-License-Identifier: MIT */
/*
 * Costs of the ops for other guests. Part of the payload "bench" (test/bench/bench.h). This guest
 * is both sides: it grants to itself, and has both ends of an event channel.
 */
#include "mm/frame.h"
#include "pv/pv.h"
#include "test/bench/bench.h"
#include "test/harness/grants.h"

#define NO_GUESTS "the platform has no other guests"

static pfn_t frame, place;
static u32 ref;
static struct pv_grant_copy copy;
static u32 offer, peer;

static bool has_guests(void)
{
    return pv_grant_end(8) != -ENODEV;
}

/* Allocate the frames on first use. Return false without other guests, or without memory. */
static bool bench_frames(void)
{
    if (has_guests() && !frame.n) {
        frame = frame_alloc(0, FRAME_ZEROED, FRAME_KERNEL);
        place = frame_alloc(0, FRAME_ZEROED, FRAME_KERNEL);
    }
    return frame.n && frame.n != PFN_INVALID.n && place.n != PFN_INVALID.n;
}

static void access_loop(u32 count)
{
    for (; count; count--)
        pv_grant_end((u32)pv_grant_access(PV_DOMAIN_SELF, frame, PV_GRANT_WRITE));
}
BENCH(op, grant_access, "ticks with grant_end")
{
    return bench_frames() ? bench_per_call(access_loop) : bench_none(NO_GUESTS);
}

BENCH_NOT(grant_end, "counted with grant_access");

static void map_loop(u32 count)
{
    const struct pv_grant_map map = {.domain = PV_DOMAIN_SELF, .ref = ref, .pfn = place};

    for (; count; count--)
        pv_grant_unmap((u32)pv_grant_map(&map), place);
}
BENCH(op, grant_map, "ticks with grant_unmap")
{
    u64 ticks;

    if (!bench_frames())
        return bench_none(NO_GUESTS);
    if (grant_map_moves())
        return bench_none("Xen moves a PVH guest's own frame, which can be mapped once only");
    pv_balloon_adjust(place, 1, true);
    ref = (u32)pv_grant_access(PV_DOMAIN_SELF, frame, PV_GRANT_WRITE);
    ticks = bench_per_call(map_loop);
    pv_grant_end(ref);
    pv_balloon_adjust(place, 1, false);
    return ticks;
}

BENCH_NOT(grant_unmap, "counted with grant_map");

static void copy_loop(u32 count)
{
    for (; count; count--)
        pv_grant_copy(&copy, 1);
}
BENCH(op, grant_copy, "ticks for 4096 bytes")
{
    u64 ticks;

    if (!bench_frames())
        return bench_none(NO_GUESTS);
    ref = (u32)pv_grant_access(PV_DOMAIN_SELF, frame, PV_GRANT_READ);
    copy = (struct pv_grant_copy){
        .from = {.is_grant = true, .domain = PV_DOMAIN_SELF, .ref = ref},
        .to = {.pfn = place},
        .len = PAGE_SIZE,
    };
    ticks = bench_per_call(copy_loop);
    pv_grant_end(ref);
    return ticks;
}

static void alloc_loop(u32 count)
{
    for (; count; count--)
        pv_irq_unbind((u32)pv_evtchn_alloc(PV_DOMAIN_SELF));
}
BENCH(op, evtchn_alloc, "ticks with irq_unbind")
{
    return has_guests() ? bench_per_call(alloc_loop) : bench_none(NO_GUESTS);
}

/* Bind a channel's two ends, both masked. */
static void channel_open(void)
{
    offer = (u32)pv_evtchn_alloc(PV_DOMAIN_SELF);
    peer = (u32)pv_evtchn_bind(PV_DOMAIN_SELF, (u32)pv_evtchn_port(offer));
}

static void channel_close(void)
{
    pv_irq_unbind(peer);
    pv_irq_unbind(offer);
}

static void bind_loop(u32 count)
{
    for (; count; count--) {
        channel_open();
        channel_close();
    }
}
BENCH(op, evtchn_bind, "ticks with evtchn_alloc, evtchn_port and two of irq_unbind")
{
    return has_guests() ? bench_per_call(bind_loop) : bench_none(NO_GUESTS);
}

static void port_loop(u32 count)
{
    for (; count; count--)
        pv_evtchn_port(offer);
}
BENCH(op, evtchn_port, "ticks")
{
    u64 ticks;

    if (!has_guests())
        return bench_none(NO_GUESTS);
    channel_open();
    ticks = bench_per_call(port_loop);
    channel_close();
    return ticks;
}

static void notify_loop(u32 count)
{
    for (; count; count--)
        pv_evtchn_notify(offer);
}
BENCH(op, evtchn_notify, "ticks")
{
    u64 ticks;

    if (!has_guests())
        return bench_none(NO_GUESTS);
    channel_open();
    ticks = bench_per_call(notify_loop);
    channel_close();
    return ticks;
}

BENCH_NOT(xenstore_bind, "once a boot");
