/* SPDX-License-Identifier: MIT */
/*
 * What the host's administrator asks of this machine through xenstore:
 *
 *   control/shutdown      "poweroff", "halt", "reboot", "suspend" or "crash". The guest takes the
 *                         request by writing "" in the same transaction, then obeys.
 *   memory/target         KiB of RAM that the machine is to use in all
 *
 * The guest announces what it understands as control/feature-NAME. Each request is read again when
 * its watch fires, so requests that come together with others are not lost, and one that is
 * written before this driver starts is obeyed too.
 */
#include "drivers/xenstore.h"
#include "kernel/console.h"
#include "kernel/driver.h"
#include "lib/string.h"
#include "pv/pv.h"

#define REQUEST_MAX 32 /* bytes of a request, with the zero byte */

/* A node of the host's with a request, which is taken by writing "". */
struct request {
    const char *path;
    char text[REQUEST_MAX];
};

/* The body of a transaction. Return the length of the request; 0 for none. */
static int take_request(u32 tx, void *arg)
{
    struct request *r = arg;
    const s64 len = xenstore_read(tx, r->path, r->text, sizeof(r->text));
    const int error = len > 0 ? xenstore_write(tx, r->path, "") : 0;

    if (len == -ENOENT)
        return 0;
    return error ? error : (int)len;
}

/* Take the request at path. Return false without one, or if it is faulty, which is reported. */
static bool request_pending(struct request *r, const char *path)
{
    int result;

    r->path = path;
    result = xenstore_transaction(take_request, r);
    if (result < 0)
        log_warn("control: %s cannot be read: %s", path, xs_error_name(-result));
    return result > 0;
}

static void shutdown_changed(struct xenstore_watch *watch)
{
    static const struct {
        char name[REQUEST_MAX];
        enum pv_shutdown_reason reason;
    } ends[] = {{"poweroff", PV_POWEROFF},
                {"halt", PV_POWEROFF},
                {"reboot", PV_REBOOT},
                {"crash", PV_CRASH}};
    struct request r;

    if (!request_pending(&r, watch->path))
        return;
    log_info("control: %s is requested", r.text);
    for (u32 i = 0; i < ARRAY_SIZE(ends); i++)
        if (!strcmp(r.text, ends[i].name))
            pv_callbacks->shutdown_request(ends[i].reason);
    log_warn("control: %s is not a request that this kernel knows", r.text);
}

static void target_changed(struct xenstore_watch *watch)
{
    u64 kib;
    const int error = xenstore_read_number(XENSTORE_NO_TRANSACTION, watch->path, &kib);

    if (error == -ENOENT)
        return;
    if (error || kib > BOOT_PA_MAX >> 10)
        log_warn("control: memory/target is not an amount of memory: %s",
                 xs_error_name(error ? -error : EINVAL));
    else
        pv_callbacks->memory_target(kib << 10);
}

/* Written: by control_start. Guarded by: xenstore, after that. */
static struct xenstore_watch watches[] = {
    {.path = "control/shutdown", .changed = shutdown_changed},
    {.path = "memory/target", .changed = target_changed},
};

static void announce(const char *path)
{
    const int error = xenstore_write(XENSTORE_NO_TRANSACTION, path, "1");

    if (error)
        log_warn("control: %s cannot be written: %s", path, xs_error_name(-error));
}

static const char *control_start(void)
{
    if (xenstore_absence())
        return xenstore_absence();
    announce("control/feature-poweroff");
    announce("control/feature-reboot");
    for (u32 i = 0; i < ARRAY_SIZE(watches); i++) {
        const int error = xenstore_watch(&watches[i]);

        if (error)
            log_warn("control: %s cannot be watched: %s", watches[i].path, xs_error_name(-error));
    }
    return NULL;
}

DRIVER(control, DRIVER_DEVICE, control_start);
