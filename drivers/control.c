/* SPDX-License-Identifier: MIT */
/*
 * What the host's administrator asks of this machine through xenstore:
 *
 *   control/shutdown      "poweroff", "halt", "reboot", "suspend" or "crash". The guest takes the
 *                         request by writing "" in the same transaction, then obeys.
 *   control/sysrq         a letter: report the machine's state on the console
 *   memory/target         KiB of RAM that the machine is to use in all
 *   cpu/N/availability    "online" or "offline"
 *
 * The guest announces what it understands as control/feature-NAME. Each request is read again when
 * its watch fires, so requests that come together with others are not lost, and one that is
 * written before this driver starts is obeyed too.
 */
#include "drivers/xenstore.h"
#include "kernel/console.h"
#include "kernel/driver.h"
#include "kernel/hotplug.h"
#include "kernel/lifecycle.h"
#include "kernel/report.h"
#include "lib/format.h"
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

/* The toolstack waits until the domain has suspended, so a refusal is seen there, too. */
static void suspend(void)
{
    const int result = machine_suspend();

    if (result < 0)
        log_warn("control: suspend: %s", xs_error_name(-result));
    else
        log_info("control: the machine %s",
                 result ? "continues: the suspend was cancelled" : "was restored");
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
    if (!strcmp(r.text, "suspend")) {
        suspend();
        return;
    }
    for (u32 i = 0; i < ARRAY_SIZE(ends); i++)
        if (!strcmp(r.text, ends[i].name))
            pv_callbacks->shutdown_request(ends[i].reason);
    log_warn("control: %s is not a request that this kernel knows", r.text);
}

/* The letters are those of Linux's keyboard; here each asks for all that there is to report. */
static void sysrq_changed(struct xenstore_watch *watch)
{
    struct request r;

    if (!request_pending(&r, watch->path))
        return;
    log_info("control: sysrq %s: the state of this machine:", r.text);
    report_cpus();
    report_memory();
    report_interrupts();
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

static void read_availability(u32 cpu)
{
    char path[32], value[REQUEST_MAX];
    s64 len;
    int error;

    ksnprintf(path, sizeof(path), "cpu/%u/availability", cpu);
    len = xenstore_read(XENSTORE_NO_TRANSACTION, path, value, sizeof(value));
    if (len == -ENOENT)
        return;
    if (len < 0 || (strcmp(value, "online") && strcmp(value, "offline"))) {
        log_warn("control: %s is neither online nor offline", path);
        return;
    }
    error = smp_set_available(cpu, !strcmp(value, "online"));
    if (error)
        log_warn("control: CPU %u: %s", cpu, xs_error_name(-error));
}

/* CPU 0 stays online, whatever its node has. */
static void read_all_availabilities(void)
{
    const u32 count = MIN(pv_cpu_count(), (u32)PV_CPUS_MAX);

    for (u32 cpu = 1; cpu < count; cpu++)
        read_availability(cpu);
}

static void cpus_changed(struct xenstore_watch *watch)
{
    (void)watch;
    read_all_availabilities();
}

/* Written: by control_start. Guarded by: xenstore, after that. */
static struct xenstore_watch watches[] = {
    {.path = "control/shutdown", .changed = shutdown_changed},
    {.path = "control/sysrq", .changed = sysrq_changed},
    {.path = "memory/target", .changed = target_changed},
    {.path = "cpu", .changed = cpus_changed},
};

static void announce(const char *path)
{
    const int error = xenstore_write(XENSTORE_NO_TRANSACTION, path, "1");

    if (error)
        log_warn("control: %s cannot be written: %s", path, xs_error_name(-error));
}

static void announce_all(void)
{
    announce("control/feature-poweroff");
    announce("control/feature-reboot");
    announce("control/feature-suspend");
}

/* The availabilities are read at once, too, because smp_init is next and starts the CPUs. */
static const char *control_start(void)
{
    if (xenstore_absence())
        return xenstore_absence();
    announce_all();
    read_all_availabilities();
    for (u32 i = 0; i < ARRAY_SIZE(watches); i++) {
        const int error = xenstore_watch(&watches[i]);

        if (error)
            log_warn("control: %s cannot be watched: %s", watches[i].path, xs_error_name(-error));
    }
    return NULL;
}

DRIVER(control, DRIVER_DEVICE, control_start);

static void before_suspend(void)
{
}

/* A restored domain has a folder of its own, without what the old one has written. */
static void after_suspend(bool cancelled)
{
    if (!cancelled && !xenstore_absence())
        announce_all();
}

SUSPEND_HOOK(control, before_suspend, after_suspend);
