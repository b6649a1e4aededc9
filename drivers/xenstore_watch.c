/* SPDX-License-Identifier: MIT */
/*
 * Watches (drivers/xenstore.h). The interrupt only marks a watch as fired; xenstore's thread calls
 * the watches' functions one after the other, so they may sleep and ask the daemon. A token is the
 * number by which the daemon names a watch in its events, in decimal; it is used once.
 */
#include "drivers/xenstore.h"
#include "kernel/console.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/pv.h"

#define TOKEN_MAX 11 /* bytes, with the zero byte */

/* Guarded by: xenstore_queue's lock. */
static struct xenstore_watch *watches;
static struct xenstore_watch *running; /* whose function the thread calls */
static u32 last_token;

/* Written: when xenstore starts. */
static struct thread *watch_thread;

static u64 xs_lock(void)
{
    return spin_lock_irqsave(&xenstore_queue.lock);
}

static void xs_unlock(u64 flags)
{
    spin_unlock_irqrestore(&xenstore_queue.lock, flags);
}

/* A token that was given once may be in an event that was under way when its watch ended. */
bool xenstore_note_event(const char *token)
{
    u64 number;

    if (!xs_parse_number(token, &number) || !number || number > last_token)
        return false;
    for (struct xenstore_watch *w = watches; w; w = w->next)
        if (w->token == number)
            w->fired = true;
    return true;
}

static struct xenstore_watch *first_with_work(void)
{
    struct xenstore_watch *w = watches;

    while (w && !w->fired && !w->renew)
        w = w->next;
    return w;
}

static int ask(enum xs_type type, const struct xenstore_watch *w)
{
    char token[TOKEN_MAX];
    const struct xs_part parts[] = {
        {w->path, strlen(w->path) + 1},
        {token, (size_t)ksnprintf(token, sizeof(token), "%u", w->token) + 1}};
    const s64 result =
        xenstore_call(type, XENSTORE_NO_TRANSACTION, parts, ARRAY_SIZE(parts), NULL, 0);

    return result < 0 ? (int)result : 0;
}

/*
 * Set the watch. A token is used once, so EEXIST means that the daemon has this watch: a request
 * that waits for the end of a suspend is sent after the restore, and so is the renewal.
 */
static int ask_for_events(const struct xenstore_watch *w)
{
    const int error = ask(XS_WATCH, w);

    return error == -EEXIST ? 0 : error;
}

/* An answered renewal brings an event. */
static void watch_renew(struct xenstore_watch *w)
{
    const int error = ask_for_events(w);

    if (!error)
        return;
    xenstore_counts.lost_watches++;
    log_warn("xenstore: the watch of %s ended with the restore: %s", w->path,
             xs_error_name(-error));
}

static void watch_loop(void *arg)
{
    (void)arg;
    for (;;) {
        u64 flags = xs_lock();
        bool renew;

        while (!(running = first_with_work()))
            flags = wait_on(&xenstore_queue, flags);
        renew = running->renew;
        if (renew)
            running->renew = false;
        else
            running->fired = false;
        xs_unlock(flags);
        if (renew)
            watch_renew(running);
        else
            running->changed(running);
        flags = xs_lock();
        running = NULL;
        wake_all_locked(&xenstore_queue);
        xs_unlock(flags);
    }
}

bool xenstore_watches_start(void)
{
    watch_thread = thread_start("xenstore", THREAD_ANY_CPU, watch_loop, NULL);
    return watch_thread;
}

void xenstore_watches_renew(void)
{
    const u64 flags = xs_lock();

    for (struct xenstore_watch *w = watches; w; w = w->next)
        w->renew = true;
    wake_all_locked(&xenstore_queue);
    xs_unlock(flags);
}

static void watch_link(struct xenstore_watch *w)
{
    const u64 flags = xs_lock();

    w->token = ++last_token;
    w->fired = w->renew = false;
    w->next = watches;
    watches = w;
    xs_unlock(flags);
}

/* Wait until the thread does not use the watch, unless the caller is the thread. */
static void watch_unlink(struct xenstore_watch *w)
{
    struct xenstore_watch **at = &watches;
    u64 flags = xs_lock();

    while (*at && *at != w)
        at = &(*at)->next;
    if (*at)
        *at = w->next;
    while (running == w && this_thread() != watch_thread)
        flags = wait_on(&xenstore_queue, flags);
    xs_unlock(flags);
}

int xenstore_watch(struct xenstore_watch *w)
{
    int error;

    watch_link(w);
    error = ask_for_events(w);
    if (error)
        watch_unlink(w);
    return error;
}

int xenstore_unwatch(struct xenstore_watch *w)
{
    const int error = ask(XS_UNWATCH, w);

    watch_unlink(w);
    return error;
}
