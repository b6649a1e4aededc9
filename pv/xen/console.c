/* SPDX-License-Identifier: MIT */
/*
 * The Xen console. dom0 reads and writes Xen's own console by hypercall (xen/xen.h, CONSOLEIO_*). A
 * domU has a ring that it shares with the toolstack's console daemon (console_ring.h), and an event
 * channel by which each side makes the other look at it. A domU without a ring makes dom0's
 * hypercall, which Xen logs only if it was built to.
 *
 * The daemon may be slow, stopped or gone. A full ring is waited for, but not longer than
 * WAIT_NS; then the ring counts as stuck, bytes that do not fit are dropped at once and counted,
 * and the first write that finds room again begins with a note of how many are missing.
 */
#include "lib/format.h"
#include "pv/xen/console_ring.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"

/*
 * How long to wait for a daemon that takes nothing: longer than xenconsoled ignores a domain with
 * many events (200 ms). The number of looks is a second bound, because the clock stands still
 * before vcpu_info is mapped, and after a restore on another host it may.
 */
#define WAIT_NS   1000000000ull
#define LOOKS_MAX 1000000u

/* Written: early and after a restore, on the only CPU that is up. */
static struct xencons_interface *ring; /* NULL: the hypercall */
static u32 ring_port;                  /* notifies the daemon */
/*
 * Bytes that were dropped since the ring got stuck; 0: it is not. Guarded by: kernel/console.c's
 * lock; a CPU that writes without it has stopped the others.
 */
static u64 lost;

void xen_console_init(void)
{
    ring = xen_is_dom0() ? NULL : xen_variant->toolstack_page(XEN_PAGE_CONSOLE, &ring_port);
}

bool xen_console_has_ring(void)
{
    return ring;
}

static void notify_daemon(void)
{
    evtchn_send(ring_port);
}

static bool ring_has_room(void)
{
    return console_ring_room(ring);
}

static bool ring_is_drained(void)
{
    return console_ring_is_drained(ring);
}

/* Let other vCPUs run, dom0's above all, until the condition holds. Return false if it does not. */
static bool wait_for_daemon(bool (*condition)(void))
{
    const u64 start = xen_clock_ns();

    for (u32 looks = 0; looks < LOOKS_MAX && xen_clock_ns() - start < WAIT_NS; looks++) {
        if (condition())
            return true;
        xen_sched_op(SCHEDOP_yield, NULL, 0);
    }
    return condition();
}

/* While bytes are missing, none may follow them before the note does. */
static void ring_put(const char *text, size_t len)
{
    while (len && !lost) {
        const u32 count = console_ring_put(ring, text, (u32)len);

        text += count;
        len -= count;
        notify_daemon();
        if (len && !wait_for_daemon(ring_has_room))
            break;
    }
    lost += len;
}

static void ring_report_loss(void)
{
    char text[48];
    const int len = ksnprintf(text, sizeof(text), "\r\n[console: %llu bytes lost]\r\n",
                              (unsigned long long)lost);

    if (!lost || console_ring_room(ring) < (u32)len)
        return;
    lost = 0;
    ring_put(text, (size_t)len);
}

static void ring_write(const char *text, size_t len)
{
    size_t first = 0;

    ring_report_loss();
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\n')
            continue;
        ring_put(text + first, i - first);
        ring_put("\r\n", 2);
        first = i + 1;
    }
    ring_put(text + first, len - first);
}

void xen_console_write(const char *text, size_t len)
{
    if (ring)
        ring_write(text, len);
    else
        xen_console_io(CONSOLEIO_write, (unsigned int)len, (char *)(uintptr_t)text);
}

/* The domain ends: a toolstack may unmap the ring before the daemon has taken the last lines. */
void xen_console_drain(void)
{
    if (ring && !lost)
        wait_for_daemon(ring_is_drained);
}

int xen_console_read(void)
{
    bool notify;
    char c;
    int byte;

    if (!ring)
        return xen_console_io(CONSOLEIO_read, 1, &c) == 1 ? (u8)c : -1;
    byte = console_ring_get(ring, &notify);
    if (notify)
        notify_daemon();
    return byte;
}
