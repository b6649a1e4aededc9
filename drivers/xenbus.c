/* SPDX-License-Identifier: MIT */
/*
 * The devices' list, and the thread that connects them (drivers/xenbus.h).
 *
 * Watches only mark that something has changed. The thread then looks at everything: the lists in
 * xenstore, each device's two states, and whether a driver has found its backend broken; and acts
 * until there is nothing to do. So no event has to be remembered, and none can be missed.
 *
 * The mutex of the bus is held while the thread looks, and from before a suspend until after it:
 * what was read from the old host's xenstore must not be written to the new one's.
 */
#include "drivers/xenbus.h"
#include "kernel/console.h"
#include "kernel/driver.h"
#include "kernel/lifecycle.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "pv/pv.h"

#define TX XENSTORE_NO_TRANSACTION

/* How long the boot waits for the devices that were there at its start. */
#define SETTLE_NS (10 * NS_PER_S)

/* A backend that changes its state all the time gets no more than this at a time. */
#define STEPS_MAX 16

/* Written: by xenbus_register, at boot. */
static struct xenbus_class *classes;

/* Guarded by: itself. */
static struct mutex bus_mutex;
/* Guarded by: bus_mutex. */
static struct xenbus_device *devices;
static char names[XS_PAYLOAD_MAX];

/* Guarded by: its own lock, as is kicked. */
static struct wait_queue bus_queue = {.lock = SPINLOCK("xenbus")};
static bool kicked;
static bool settled; /* all devices are connected, or cannot be. Atomic: a flag */

void xenbus_register(struct xenbus_class *class)
{
    class->next = classes;
    classes = class;
}

void xenbus_kick(void)
{
    const u64 flags = spin_lock_irqsave(&bus_queue.lock);

    kicked = true;
    wake_all_locked(&bus_queue);
    spin_unlock_irqrestore(&bus_queue.lock, flags);
}

/* ---- Nodes ---------------------------------------------------------------------------------- */

static bool node_path(char path[XENBUS_PATH_MAX], const char *folder, const char *name)
{
    return ksnprintf(path, XENBUS_PATH_MAX, "%s/%s", folder, name) < XENBUS_PATH_MAX;
}

static u64 read_number(const char *folder, const char *name, u64 absent)
{
    char path[XENBUS_PATH_MAX];
    u64 number;

    if (!node_path(path, folder, name) || xenstore_read_number(TX, path, &number))
        return absent;
    return number;
}

u64 xenbus_backend_number(const struct xenbus_device *d, const char *name, u64 absent)
{
    return read_number(d->backend, name, absent);
}

int xenbus_write(u32 tx, const struct xenbus_device *d, const char *name, u64 number)
{
    char path[XENBUS_PATH_MAX];

    if (!node_path(path, d->path, name))
        return -E2BIG;
    return xenstore_printf(tx, path, "%llu", (unsigned long long)number);
}

struct state_change {
    const struct xenbus_device *d;
    enum xenbus_state state;
};

/* The node is not made again if the toolstack has removed the device. */
static int write_state(u32 tx, void *arg)
{
    const struct state_change *c = arg;
    char path[XENBUS_PATH_MAX], value[8];
    s64 len;

    if (!node_path(path, c->d->path, "state"))
        return -E2BIG;
    len = xenstore_read(tx, path, value, sizeof(value));
    if (len < 0)
        return len == -ENOENT ? 0 : (int)len;
    return xenbus_write(tx, c->d, "state", c->state);
}

/* Publish a state of the frontend. */
static void publish_state(const struct xenbus_device *d, enum xenbus_state state)
{
    struct state_change change = {d, state};
    const int error = xenstore_transaction(write_state, &change);

    if (error)
        log_warn("xenbus: %s/state cannot be written: %s", d->path, xs_error_name(-error));
}

/* ---- One device ----------------------------------------------------------------------------- */

static void state_changed(struct xenstore_watch *watch)
{
    (void)watch;
    xenbus_kick();
}

static void device_unwatch(struct xenbus_device *d)
{
    if (d->watched)
        xenstore_unwatch(&d->watch); /* after a restore the daemon may not have it */
    d->watched = false;
    d->backend[0] = '\0';
}

static void device_watch(struct xenbus_device *d)
{
    int error = -E2BIG;

    if (node_path(d->watch_path, d->backend, "state")) {
        d->watch = (struct xenstore_watch){.path = d->watch_path, .changed = state_changed};
        error = xenstore_watch(&d->watch);
    }
    d->watched = !error;
    if (error)
        log_warn("xenbus: %s: its backend cannot be watched: %s", d->path, xs_error_name(-error));
}

static bool is_published(const struct xenbus_device *d)
{
    return d->front == XENBUS_INITIALISED || d->front == XENBUS_CONNECTED;
}

static void device_release(struct xenbus_device *d)
{
    if (d->unreleased)
        d->unreleased = !d->driver->release(d);
}

static void device_disconnect(struct xenbus_device *d, bool lost)
{
    if (is_published(d) || d->expected) {
        d->driver->disconnect(d, lost);
        d->unreleased = true;
    }
    d->expected = false;
    d->front = XENBUS_INITIALISING;
}

/* Publish Closing last: Linux's netback then leaves what is outstanding unanswered. */
static void device_close(struct xenbus_device *d, bool lost)
{
    const bool was_published = is_published(d);

    device_disconnect(d, lost);
    if (was_published)
        publish_state(d, XENBUS_CLOSING);
    d->front = XENBUS_CLOSED;
    publish_state(d, XENBUS_CLOSED);
}

/*
 * Go to the next state with one of the driver's functions, and publish it, or the state that stands
 * for it in this class; close the device if the function fails.
 */
static void device_advance(struct xenbus_device *d, int (*function)(struct xenbus_device *d),
                           enum xenbus_state state, enum xenbus_state published)
{
    const int error = function(d);

    d->front = state;
    if (!error) {
        publish_state(d, published);
        return;
    }
    log_warn("xenbus: %s: not connected to domain %u: %s", d->path, d->domain,
             xs_error_name(-error));
    device_close(d, true);
}

/* Ask the backend to change its state, once: the answer may take any time. */
static void device_ask(struct xenbus_device *d, enum xenbus_state state)
{
    if (d->asked == state)
        return;
    d->asked = state;
    publish_state(d, state);
}

/* Do one step. Return false if the backend is to act first. */
static bool device_step(struct xenbus_device *d)
{
    d->back = read_number(d->backend, "state", XENBUS_UNKNOWN);
    switch (xenbus_next(d->front, d->back)) {
    case XENBUS_CONNECT:
        d->asked = XENBUS_UNKNOWN;
        d->expected = false;
        device_advance(d, d->driver->connect, XENBUS_INITIALISED, d->driver->published);
        return true;
    case XENBUS_FINISH:
        device_advance(d, d->driver->finish, XENBUS_CONNECTED, XENBUS_CONNECTED);
        return true;
    case XENBUS_CLOSE:
        device_close(d, d->back == XENBUS_CLOSED);
        return true;
    case XENBUS_LOSE:
        log_warn("xenbus: %s: its backend has gone (%s)", d->path, xenbus_state_name(d->back));
        device_disconnect(d, true);
        publish_state(d, XENBUS_INITIALISING);
        return true;
    case XENBUS_RESET:
        device_ask(d, XENBUS_CLOSED);
        return false;
    case XENBUS_RESTART:
        device_ask(d, XENBUS_INITIALISING);
        return false;
    case XENBUS_WAIT:
        break;
    }
    return false;
}

/* Read where the backend is. Return false without one. */
static bool device_find_backend(struct xenbus_device *d)
{
    char path[XENBUS_PATH_MAX], backend[XENBUS_PATH_MAX];
    const u64 domain = read_number(d->path, "backend-id", XS_DOMAIN_MAX + 1);

    if (!node_path(path, d->path, "backend") ||
        xenstore_read(TX, path, backend, sizeof(backend)) <= 0 || domain > XS_DOMAIN_MAX)
        return false;
    if (!strcmp(backend, d->backend) && domain == d->domain)
        return true;
    if (is_published(d)) /* a restored device is there, and expects the new one */
        device_disconnect(d, true);
    device_unwatch(d);
    str_copy(d->backend, backend, sizeof(d->backend));
    d->domain = (u32)domain;
    device_watch(d);
    return true;
}

/* The toolstack has removed the device, or has made it again after a close. */
static void device_forget(struct xenbus_device *d)
{
    device_disconnect(d, true);
    device_unwatch(d);
    d->asked = XENBUS_UNKNOWN;
}

static void device_look(struct xenbus_device *d)
{
    if (d->refused)
        return;
    if (!d->present)
        device_forget(d);
    device_release(d);
    if (!d->present)
        return;
    if (d->front == XENBUS_CLOSED &&
        read_number(d->path, "state", XENBUS_UNKNOWN) == XENBUS_INITIALISING)
        device_forget(d);
    if (!device_find_backend(d))
        return;
    if (__atomic_exchange_n(&d->broken, false, __ATOMIC_RELAXED) && is_published(d))
        device_close(d, true);
    for (u32 i = 0; i < STEPS_MAX && device_step(d); i++)
        ;
}

/* ---- All devices ---------------------------------------------------------------------------- */

static struct xenbus_device *device_of(const struct xenbus_driver *driver, u64 number)
{
    struct xenbus_device *d = devices;

    while (d && (d->driver != driver || d->number != number))
        d = d->next;
    return d;
}

static void device_add(const struct xenbus_driver *driver, u64 number)
{
    struct xenbus_device *d = device_of(driver, number);

    if (!d) {
        d = kzalloc(sizeof(*d));
        if (!d)
            return;
        d->driver = driver;
        d->number = number;
        d->front = XENBUS_INITIALISING;
        ksnprintf(d->path, sizeof(d->path), "device/%s/%llu", driver->class,
                  (unsigned long long)number);
        d->refused = !driver->add(d);
        d->next = devices;
        devices = d;
    }
    d->present = true;
}

/* Mark which devices of the class are there, and add new ones. */
static void list_class(const struct xenbus_driver *driver)
{
    char path[XENBUS_PATH_MAX];
    const char *name = NULL;
    s64 len;
    u64 number;

    for (struct xenbus_device *d = devices; d; d = d->next)
        if (d->driver == driver)
            d->present = false;
    if (!node_path(path, "device", driver->class))
        return;
    len = xenstore_list(TX, path, names, sizeof(names));
    while (len > 0 && (name = xs_next_string(names, (u64)len, name)))
        if (xs_parse_number(name, &number))
            device_add(driver, number);
}

static bool device_is_settled(const struct xenbus_device *d)
{
    return d->refused || !d->present || d->front == XENBUS_CONNECTED || d->front == XENBUS_CLOSED;
}

static bool look_at_all(void)
{
    bool all = true;

    mutex_lock(&bus_mutex);
    for (const struct xenbus_class *c = classes; c; c = c->next)
        list_class(c->driver);
    for (struct xenbus_device *d = devices; d; d = d->next) {
        device_look(d);
        all &= device_is_settled(d);
    }
    mutex_unlock(&bus_mutex);
    return all;
}

static void bus_loop(void *arg)
{
    (void)arg;
    for (;;) {
        wait_until(&bus_queue, kicked);
        WRITE_ONCE(kicked, false);
        WRITE_ONCE(settled, look_at_all());
    }
}

/* ---- Start, suspend and restore ------------------------------------------------------------- */

/* Guarded by: xenstore, once it is watched. */
static struct xenstore_watch list_watch = {.path = "device", .changed = state_changed};

/*
 * Wait for the devices that are there, so that a program finds them. The backend's domain may share
 * a slow CPU with this one, so the time in which this CPU does not run is left out.
 */
static void wait_for_devices(void)
{
    struct time_limit limit = time_limit(SETTLE_NS);

    while (!READ_ONCE(settled) && !time_limit_reached(&limit))
        sleep_until(pv_clock_ns() + NS_PER_MS);
    if (!READ_ONCE(settled))
        log_warn("xenbus: a device is not connected after %llu s; the boot continues",
                 (unsigned long long)(SETTLE_NS / NS_PER_S));
}

static const char *xenbus_start(void)
{
    if (xenstore_absence())
        return xenstore_absence();
    if (!classes)
        return "no driver is linked";
    if (!thread_start("xenbus", 0, bus_loop, NULL))
        return "too many threads";
    if (xenstore_watch(&list_watch))
        return "xenstore does not watch the list of devices";
    wait_for_devices();
    return NULL;
}

DRIVER(xenbus, DRIVER_DEVICES, xenbus_start);

static void before_suspend(void)
{
    mutex_lock(&bus_mutex);
    for (struct xenbus_device *d = devices; d; d = d->next)
        if (d->front == XENBUS_CONNECTED)
            d->driver->hold(d);
}

/* The backend of a restored domain is another one, at another path. */
static void after_suspend(bool cancelled)
{
    for (struct xenbus_device *d = devices; d; d = d->next) {
        if (!cancelled && (is_published(d) || d->unreleased || d->expected))
            d->driver->restored(d);
        else if (d->front == XENBUS_CONNECTED)
            d->driver->resume(d);
        if (cancelled)
            continue;
        d->expected |= is_published(d);
        d->front = XENBUS_INITIALISING;
        d->asked = XENBUS_UNKNOWN;
        d->unreleased = d->broken = false;
    }
    mutex_unlock(&bus_mutex);
    if (!cancelled)
        xenbus_kick();
}

SUSPEND_HOOK(xenbus, before_suspend, after_suspend);
