/* SPDX-License-Identifier: MIT */
/*
 * The connection to the xenstore daemon, and the requests (drivers/xenstore.h).
 *
 * A call puts its message into the outbox and itself into the list of calls, and sleeps. The outbox
 * holds one message, because bytes of two must not mix in the ring; a caller that finds it full
 * waits. It is emptied into the ring by the caller and, when the daemon has made room, by the
 * interrupt. The interrupt also collects what the daemon has written, and finds the call to which
 * an answer belongs by its number. So any number of threads may have a request outstanding.
 *
 * One lock, of xenstore_queue, guards all of that, and all waiters sleep in that queue. A
 * change wakes all of them, and each looks at what it waits for.
 *
 * A daemon that does not answer. Each call has a deadline, after which it leaves the list and
 * returns -ETIME; so has its wait for the end of a suspend. What it had put into the outbox stays
 * there, so that the ring holds whole messages when the daemon returns, and the late answer is
 * dropped. A daemon that breaks the protocol is not listened to any more: the line is masked, and
 * all calls return -EIO.
 *
 * Suspend. Before it the connection becomes quiet: no call begins outside of a transaction, and
 * those that are outstanding end. After a restore another daemon is on the other side, which knows
 * of no watch and no transaction of this guest; and the line is another. After a suspend that was
 * cancelled everything continues.
 */
#include "drivers/xenstore.h"
#include "drivers/deadline.h"
#include "kernel/console.h"
#include "kernel/driver.h"
#include "kernel/irq.h"
#include "kernel/lifecycle.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/pv.h"

/* A request that is outstanding; on its caller's stack. */
struct call {
    u32 id;
    enum xs_type type;
    void *answer;
    size_t size;
    s64 result;
    bool done;
    struct call *next;
};

/* Guarded by: itself, as is all below but where another rule is given. */
struct wait_queue xenstore_queue = {.lock = SPINLOCK("xenstore")};
struct xenstore_counts xenstore_counts;
static const char *absence = "xenstore is not started";
static struct xs_ring *ring;
static u32 line;
static bool broken;     /* the daemon has broken the protocol */
static bool suspending; /* no call begins outside of a transaction */
static u32 users;       /* calls and transactions in progress */
static struct call *calls;
static u32 last_id;
static u64 abandoned; /* calls that were given up, and whose answers may still arrive */
static struct xs_inbox inbox;
static u8 outbox[sizeof(struct xs_header) + XS_PAYLOAD_MAX];
static u32 outbox_len, outbox_sent;
static const char *complaint; /* about the daemon, to be printed without the lock */

static u64 xs_lock(void)
{
    return spin_lock_irqsave(&xenstore_queue.lock);
}

static void xs_unlock(u64 flags)
{
    spin_unlock_irqrestore(&xenstore_queue.lock, flags);
}

const char *xenstore_absence(void)
{
    return absence;
}

/* ---- The ring ------------------------------------------------------------------------------- */

static void call_finish(struct call *c, s64 result)
{
    c->result = result;
    c->done = true;
}

/* Stop listening to a daemon that breaks the protocol. */
static void connection_fail(const char *why)
{
    broken = true;
    complaint = why;
    pv_irq_mask(line);
    wake_all_locked(&xenstore_queue);
    for (struct call *c = calls; c; c = c->next)
        if (!c->done)
            call_finish(c, -EIO);
}

/* Move bytes from the outbox to the ring. Return whether any were moved. */
static bool outbox_flush(void)
{
    const u32 len = outbox_len - outbox_sent;
    const int count = len ? xs_ring_put(ring, outbox + outbox_sent, len) : 0;

    if (count < 0) {
        connection_fail("an index of the requests is impossible");
        return false;
    }
    outbox_sent += (u32)count;
    if (outbox_sent == outbox_len)
        outbox_sent = outbox_len = 0;
    return count;
}

static s64 copy_answer(const struct call *c)
{
    const u32 len = inbox.header.len;

    if (inbox.header.type == XS_ERROR)
        return -xs_error_number((const char *)inbox.payload);
    if (inbox.header.type != (u32)c->type)
        return -EIO;
    if (c->answer && len > c->size)
        return -E2BIG;
    if (c->answer)
        memcpy(c->answer, inbox.payload, len);
    return len;
}

/* Count a message that belongs to nothing, and report the first. */
static void note_stray(const char *what)
{
    if (!xenstore_counts.strays++)
        complaint = what;
}

static void take_event(void)
{
    const char *path, *token;

    xenstore_counts.events++;
    if (!xs_parse_event(inbox.payload, inbox.header.len, &path, &token))
        note_stray("a watch event is malformed");
    else if (!xenstore_note_event(token))
        note_stray("a watch event is for a watch that never existed");
}

static void take_answer(void)
{
    struct call *c = calls;

    while (c && (c->done || c->id != inbox.header.id))
        c = c->next;
    if (c)
        call_finish(c, copy_answer(c));
    else if (abandoned)
        abandoned--;
    else
        note_stray("an answer is for no request");
}

/*
 * Collect what the daemon had written when this began, a ring at most; it raises another interrupt
 * for what it writes later.
 */
static bool inbox_collect(void)
{
    u32 taken, total = 0;
    int state;

    do {
        state = xs_inbox_receive(&inbox, ring, &taken);
        total += taken;
        if (state > 0 && inbox.header.type == XS_WATCH_EVENT)
            take_event();
        else if (state > 0)
            take_answer();
    } while (state > 0 && total < XS_RING_SIZE);
    if (state < 0)
        connection_fail("an index or the length of an answer is impossible");
    return total;
}

static void print_complaint(const char *what)
{
    if (what)
        log_warn("xenstore: the daemon is faulty: %s%s", what,
                 broken ? "; xenstore is not used any more" : "");
}

static void on_interrupt(void *data)
{
    const u64 flags = xs_lock();
    const char *what;
    bool changed;

    (void)data;
    changed = !broken && inbox_collect();
    changed |= !broken && outbox_flush();
    if (changed)
        pv_evtchn_notify(line);
    wake_all_locked(&xenstore_queue);
    what = complaint;
    complaint = NULL;
    xs_unlock(flags);
    print_complaint(what);
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static u32 parts_len(const struct xs_part *parts, u32 count)
{
    u64 len = 0;

    for (u32 i = 0; i < count; i++)
        len += parts[i].len;
    return (u32)MIN(len, (u64)XS_PAYLOAD_MAX + 1);
}

static void outbox_fill(const struct call *c, u32 tx, const struct xs_part *parts, u32 count)
{
    const struct xs_header header = {
        .type = c->type, .id = c->id, .tx = tx, .len = parts_len(parts, count)};

    memcpy(outbox, &header, sizeof(header));
    outbox_len = sizeof(header);
    for (u32 i = 0; i < count; i++) {
        memcpy(outbox + outbox_len, parts[i].bytes, parts[i].len);
        outbox_len += (u32)parts[i].len;
    }
    if (outbox_flush())
        pv_evtchn_notify(line);
}

/* 0 is the id of watch events. */
static u32 next_id(void)
{
    last_id += last_id + 1 ? 1 : 2;
    return last_id;
}

static void calls_remove(struct call *c)
{
    struct call **at = &calls;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
}

/* Wait until the call is done, and remove it from the list. */
static s64 call_wait(struct call *c, const struct deadline *d, u64 *flags)
{
    while (!c->done && !d->passed)
        *flags = wait_on(&xenstore_queue, *flags);
    calls_remove(c);
    if (c->done)
        return c->result;
    abandoned++;
    return -ETIME;
}

/* Send the request when the outbox is free, and wait for the answer. */
static s64 call_run(struct call *c, u32 tx, const struct xs_part *parts, u32 count,
                    const struct deadline *d, u64 *flags)
{
    while (outbox_len && !broken && !d->passed)
        *flags = wait_on(&xenstore_queue, *flags);
    if (broken)
        return -EIO;
    if (d->passed)
        return -ETIME;
    xenstore_counts.calls++;
    c->id = next_id();
    c->next = calls;
    calls = c;
    outbox_fill(c, tx, parts, count);
    return call_wait(c, d, flags);
}

/* Warn about the first call of a series that the daemon does not answer. */
static void report_silence(s64 result)
{
    static bool silent; /* Atomic: a flag; two warnings instead of one do no harm */

    if (result != -ETIME) {
        WRITE_ONCE(silent, false);
        return;
    }
    __atomic_fetch_add(&xenstore_counts.timeouts, 1, __ATOMIC_RELAXED);
    if (!__atomic_exchange_n(&silent, true, __ATOMIC_RELAXED))
        log_warn("xenstore: the daemon has not answered for %llu s",
                 (unsigned long long)(XENSTORE_PATIENCE_NS / NS_PER_S));
}

int xenstore_begin(void)
{
    struct deadline d;
    u64 flags;
    int error;

    if (absence)
        return -ENODEV;
    deadline_start(&d, &xenstore_queue, XENSTORE_PATIENCE_NS);
    flags = xs_lock();
    while (suspending && !d.passed)
        flags = wait_on(&xenstore_queue, flags);
    error = suspending ? -ETIME : 0;
    users += !error;
    xs_unlock(flags);
    deadline_stop(&d);
    return error;
}

void xenstore_end(void)
{
    const u64 flags = xs_lock();

    if (!--users)
        wake_all_locked(&xenstore_queue);
    xs_unlock(flags);
}

s64 xenstore_call_in_use(enum xs_type type, u32 tx, const struct xs_part *parts, u32 count,
                         void *answer, size_t size)
{
    struct call c = {.type = type, .answer = answer, .size = size};
    struct deadline d;
    const char *what;
    u64 flags;
    s64 result;

    if (absence)
        return -ENODEV;
    if (parts_len(parts, count) > XS_PAYLOAD_MAX)
        return -E2BIG;
    deadline_start(&d, &xenstore_queue, XENSTORE_PATIENCE_NS);
    flags = xs_lock();
    result = call_run(&c, tx, parts, count, &d, &flags);
    what = complaint;
    complaint = NULL;
    xs_unlock(flags);
    deadline_stop(&d);
    print_complaint(what);
    report_silence(result);
    return result;
}

s64 xenstore_call(enum xs_type type, u32 tx, const struct xs_part *parts, u32 count, void *answer,
                  size_t size)
{
    const bool in_use = tx; /* by the transaction */
    s64 result = in_use ? 0 : xenstore_begin();

    if (result)
        return result;
    result = xenstore_call_in_use(type, tx, parts, count, answer, size);
    if (!in_use)
        xenstore_end();
    return result;
}

/* ---- Start, suspend and restore ------------------------------------------------------------- */

static int connect(void)
{
    pfn_t page;
    const int bound = pv_xenstore_bind(&page);

    if (bound < 0)
        return bound;
    line = (u32)bound;
    ring = pfn_to_va(page);
    xs_ring_reset(ring);
    inbox.have = outbox_len = outbox_sent = 0;
    abandoned = 0;
    broken = false;
    return irq_request(line, on_interrupt, NULL);
}

static const char *xenstore_start(void)
{
    const int error = connect();

    if (error == -ENODEV)
        return absence = "the host has no xenstore for this machine";
    if (error)
        return absence = "Xen refuses xenstore's event channel";
    absence = NULL;
    if (!xenstore_watches_start())
        return absence = "too many threads";
    return NULL;
}

DRIVER(xenstore, DRIVER_BUS, xenstore_start);

static void before_suspend(void)
{
    struct deadline d;
    bool quiet;
    u64 flags;

    if (absence)
        return;
    deadline_start(&d, &xenstore_queue, XENSTORE_PATIENCE_NS);
    flags = xs_lock();
    suspending = true;
    while (users && !d.passed)
        flags = wait_on(&xenstore_queue, flags);
    quiet = !users;
    xs_unlock(flags);
    deadline_stop(&d);
    if (!quiet)
        log_warn("xenstore: requests are outstanding, and fail if the machine is restored");
}

/* Connect to another daemon. Return 0 or an error. */
static int connect_again(void)
{
    const u64 flags = xs_lock();
    int error;

    for (struct call *c = calls; c; c = c->next)
        if (!c->done)
            call_finish(c, -EIO);
    error = connect();
    xs_unlock(flags);
    return error;
}

static void after_suspend(bool cancelled)
{
    int error = 0;
    u64 flags;

    if (absence)
        return;
    if (!cancelled)
        error = connect_again();
    if (error) {
        absence = "the new host has no xenstore for this machine";
        log_warn("xenstore: not connected again: %s", xs_error_name(-error));
    } else if (!cancelled) {
        xenstore_watches_renew();
    }
    flags = xs_lock();
    suspending = false;
    wake_all_locked(&xenstore_queue);
    xs_unlock(flags);
}

SUSPEND_HOOK(xenstore, before_suspend, after_suspend);
