/* SPDX-License-Identifier: MIT */
/*
 * Start the CPUs that the platform lists, at boot. A CPU that does not start is left off with a
 * warning, and the kernel works without it. Firmware may list many CPUs that do not exist, so each
 * one that does not answer halves the time that the next one gets.
 */
#include "kernel/console.h"
#include "kernel/hotplug.h"
#include "kernel/smp.h"
#include "lib/format.h"

#define LEAST_LIMIT_NS (100 * NS_PER_MS)

/* CPUs with adjacent numbers that were left off for the same reason. */
struct left_off {
    u32 first, count;
    int error;
};

static const char *why_alone; /* Written: by smp_init, on the only CPU that is up */

const char *smp_why_alone(void)
{
    return why_alone;
}

static void describe_error(int error, char *text, size_t size)
{
    if (error == -ETIME)
        ksnprintf(text, size, "no answer to the start");
    else if (error == -EIO)
        ksnprintf(text, size, "the platform cannot start it");
    else if (error == -EINVAL)
        ksnprintf(text, size, "this kernel uses at most %u", PV_CPUS_MAX);
    else
        ksnprintf(text, size, "error %d", error);
}

static void report_left_off(const struct left_off *l)
{
    char first[32], last[32], why[64];

    if (!l->count)
        return;
    pv_cpu_describe(l->first, first, sizeof(first));
    pv_cpu_describe(l->first + l->count - 1, last, sizeof(last));
    describe_error(l->error, why, sizeof(why));
    if (l->count == 1)
        log_warn("CPU %u (%s) is left off: %s", l->first, first, why);
    else
        log_warn("%u CPUs, %u (%s) to %u (%s), are left off: %s", l->count, l->first, first,
                 l->first + l->count - 1, last, why);
}

static void note_cpu_left_off(struct left_off *l, u32 cpu, int error)
{
    if (l->error != error || l->first + l->count != cpu) {
        report_left_off(l);
        *l = (struct left_off){cpu, 0, error};
    }
    l->count++;
}

void smp_init(void)
{
    const u32 count = pv_cpu_count();
    struct left_off left_off = {0};
    u64 limit = ANSWER_LIMIT_NS;

    why_alone = pv_smp_prepare();
    if (why_alone) {
        log_warn("one CPU is used: %s", why_alone);
        return;
    }
    for (u32 cpu = 1; cpu < count; cpu++) {
        const bool wanted = cpu >= PV_CPUS_MAX || smp_is_available(cpu);
        const int error = wanted ? smp_up_within(cpu, limit) : 0;

        if (error)
            note_cpu_left_off(&left_off, cpu, error);
        if (error == -ETIME)
            limit = MAX(limit / 2, LEAST_LIMIT_NS);
    }
    report_left_off(&left_off);
    if (count > 1)
        log_info("CPUs: %u up%s", smp_online_count(),
                 smp_unavailable_count() ? ", others are not available to this machine" : "");
    hotplug_init();
}
