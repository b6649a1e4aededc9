/* SPDX-License-Identifier: MIT */
/*
 * The payload requests: run=requests:N makes N random requests for CPUs and memory, as a host's
 * administrator would, under a load, and checks that each tenth is reached and nothing is lost.
 */
#include "kernel/balloon.h"
#include "kernel/hotplug.h"
#include "kernel/panic.h"
#include "mm/balloon.h"
#include "test/harness/load.h"

enum { SEED = 15 };

static struct {
    u64 random;
    u32 count;               /* of CPUs */
    u64 pages;               /* at the start */
    u32 cpus_asked, targets; /* requests made */
} requests;

static u32 next_random(u32 below)
{
    requests.random = requests.random * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)(requests.random >> 33) % below;
}

/* Ask for a random set of CPUs and up to a quarter less memory, and do not wait. */
static void request_something(void)
{
    const u64 pages = requests.pages - next_random((u32)(requests.pages / 4));

    if (requests.count > 1) {
        smp_set_available(1 + next_random(requests.count - 1), next_random(2));
        requests.cpus_asked++;
    }
    requests.targets += !balloon_set_target(pages);
}

static bool all_cpus_follow(void)
{
    for (u32 cpu = 1; cpu < requests.count; cpu++)
        if (smp_is_online(cpu) != smp_is_available(cpu))
            return false;
    return true;
}

static bool memory_follows(void)
{
    struct balloon_state s;

    balloon_get_state(&s);
    return s.now == s.target;
}

static void check_round(u32 round)
{
    if (!SLEEP_UNTIL(all_cpus_follow()))
        finish(VERDICT_FAIL, "requests: round %u: a CPU is not as requested", round);
    if (!SLEEP_UNTIL(memory_follows()))
        finish(VERDICT_FAIL, "requests: round %u: the amount of memory is not as requested", round);
    if (!load_continues())
        finish(VERDICT_FAIL, "requests: round %u: a thread does not continue", round);
}

static void request_all(void)
{
    for (u32 cpu = 1; cpu < requests.count; cpu++)
        smp_set_available(cpu, true);
    balloon_set_target(requests.pages);
}

static void requests_payload(void)
{
    const u32 rounds = payload_number("requests", 100);
    u64 wrong;

    requests.random = SEED;
    requests.count = smp_online_count();
    requests.pages = mm_balloon_pages();
    if (!load_start(false))
        finish(VERDICT_FAIL, "requests: the load does not start");
    for (u32 round = 1; round <= rounds; round++) {
        request_something();
        if (round % 10 == 0)
            check_round(round);
        else
            sleep_until(pv_clock_ns() + next_random(5) * NS_PER_MS);
    }
    request_all();
    check_round(rounds);
    wrong = load_stop();
    if (wrong || smp_online_count() != requests.count || mm_balloon_pages() != requests.pages)
        finish(VERDICT_FAIL, "requests: %llu frames changed, %u CPUs, %llu pages",
               (unsigned long long)wrong, smp_online_count(),
               (unsigned long long)mm_balloon_pages());
    finish(VERDICT_PASS, "requests: %u for CPUs, %u for memory", requests.cpus_asked,
           requests.targets);
}
PAYLOAD(requests, requests_payload);
