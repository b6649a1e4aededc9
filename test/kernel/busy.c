/* SPDX-License-Identifier: MIT */
/*
 * The payload busy: a machine that works until it is asked to end, while its host changes it, and
 * reports on request whether anything was lost. ./run.sh operations is the host. Workers:
 *
 *   load.h    frames are allocated, filled, checked after a sleep, freed
 *   memory    a quarter of the free memory, of which each page has a checksum of its own
 *             generation: a page that a migration does not copy again has an older one
 *   spaces    address spaces are made, populated, used and destroyed, so that page tables come and
 *             go
 *   store     transactions of xenstore
 *   disks     a part of each scratch disk, in which what was written must be found again, also
 *             after the disk was detached and attached
 *   net       pings of the host by the first interface, which are repeated until they are answered;
 *             an interface that is detached refuses them
 *
 * A line of input is a request: "check N" prints one line that begins with "busy: check N:", and
 * "end" ends the run with a verdict.
 */
#include "drivers/xenstore.h"
#include "kernel/balloon.h"
#include "kernel/disk.h"
#include "kernel/hotplug.h"
#include "kernel/irq.h"
#include "kernel/lifecycle.h"
#include "kernel/panic.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/space.h"
#include "test/drivers/echo.h"
#include "test/harness/load.h"
#include "test/harness/ram_disk.h"

enum {
    PAGES_A_ROUND = 8,
    PAUSE_MS = 4, /* between rounds: the host's own tools need the CPU, too */
    WORDS = PAGE_SIZE / sizeof(u64),
    SPACE_PAGES = 16,
    SPACE_START = 1 << 30,
    DISK_START = 4096, /* what is before it belongs to the mark */
    DISK_MAX = 2,
    DISK_LEN = 128 * 1024,
    WORKERS_MAX = 4 + DISK_MAX,
    PING_SIZES = 1400,
    LINE_MAX = 32,
};

/* wrong: things that are not as this worker has left them; refused: what a detached device refuses.
 */
struct busy_worker {
    const char *name;
    void (*round)(struct busy_worker *w);
    struct thread *thread;
    u64 rounds, refused, wrong;
    int error; /* the last that is not a refusal */
    struct disk *disk;
    u8 *bytes;
    u64 seed; /* of what the disk holds; 0: not known */
};

static struct busy_worker workers[WORKERS_MAX];
static u32 nr_workers;
static bool stop; /* Atomic: a flag */

static u64 mix(u64 value)
{
    value = (value ^ value >> 31) * 0x9e3779b97f4a7c15ull;
    return value ^ value >> 29;
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* Used by: the worker memory. Generation 0: the page was not written yet. */
static struct {
    pfn_t *pages;
    u64 *generations;
    u64 count, next;
} memory;

static bool memory_alloc(void)
{
    const u64 wanted = frames_free() / 4;

    memory.pages = kmalloc(wanted * sizeof(*memory.pages));
    memory.generations = kzalloc(wanted * sizeof(*memory.generations));
    if (!memory.pages || !memory.generations)
        return false;
    for (; memory.count < wanted; memory.count++) {
        const pfn_t pfn = frame_alloc(0, 0, FRAME_KERNEL);

        if (pfn.n == PFN_INVALID.n)
            return false;
        memory.pages[memory.count] = pfn;
    }
    return true;
}

static bool page_holds(u64 index, u64 generation)
{
    const u64 *const words = pfn_to_va(memory.pages[index]);
    const u64 mark = mix(index << 32 | generation);

    for (u64 i = 0; i < WORDS; i++)
        if (words[i] != mark + i)
            return false;
    return true;
}

static void page_write(u64 index, u64 generation)
{
    u64 *const words = pfn_to_va(memory.pages[index]);
    const u64 mark = mix(index << 32 | generation);

    for (u64 i = 0; i < WORDS; i++)
        words[i] = mark + i;
}

static u64 memory_wrong(u64 index)
{
    return memory.generations[index] && !page_holds(index, memory.generations[index]);
}

static void memory_round(struct busy_worker *w)
{
    for (u32 i = 0; i < PAGES_A_ROUND; i++) {
        const u64 index = memory.next;

        w->wrong += memory_wrong(index);
        page_write(index, ++memory.generations[index]);
        memory.next = (index + 1) % memory.count;
    }
}

/* ---- Address spaces ------------------------------------------------------------------------- */

static int space_use(struct mm_space *s, u64 mark, u64 *wrong)
{
    u64 read = 0;
    int error = mm_populate(s, SPACE_START, SPACE_PAGES, MM_WRITE);

    if (!error)
        error = mm_space_activate(s);
    for (u64 i = 0; i < SPACE_PAGES && !error; i++)
        error = copy_to_user(SPACE_START + i * PAGE_SIZE, &(u64){mark + i}, sizeof(u64));
    sleep_until(pv_clock_ns() + NS_PER_MS);
    for (u64 i = 0; i < SPACE_PAGES && !error; i++) {
        error = copy_from_user(&read, SPACE_START + i * PAGE_SIZE, sizeof(read));
        *wrong += !error && read != mark + i;
    }
    return error;
}

static void space_round(struct busy_worker *w)
{
    struct mm_space s;
    int error = mm_space_create(&s);

    if (error) {
        w->error = error;
        return;
    }
    error = space_use(&s, mix(w->rounds), &w->wrong);
    if (!error)
        error = mm_space_activate(&mm_kernel);
    if (!error)
        error = mm_space_destroy(&s);
    w->error = error ? error : w->error;
}

/* ---- Xenstore ------------------------------------------------------------------------------- */

static int store_count(u32 tx, void *arg)
{
    return xenstore_printf(tx, "data/busy", "%llu", (unsigned long long)*(u64 *)arg);
}

/* The node is missing after a restore, because the domain has another folder then. */
static void store_round(struct busy_worker *w)
{
    u64 read = w->rounds;
    int error = xenstore_transaction(store_count, &w->rounds);

    if (!error)
        error = xenstore_read_number(XENSTORE_NO_TRANSACTION, "data/busy", &read);
    w->wrong += !error && read != w->rounds;
    if (error && error != -ENOENT)
        w->error = error;
}

/* ---- Disks ---------------------------------------------------------------------------------- */

static void disk_fill(u8 *to, u64 seed)
{
    u64 *const words = (u64 *)to;

    for (u64 i = 0; i < DISK_LEN / sizeof(u64); i++)
        words[i] = mix(seed) + i;
}

static u64 disk_wrong(const u8 *bytes, u64 seed)
{
    const u64 *const words = (const u64 *)bytes;
    u64 wrong = 0;

    for (u64 i = 0; i < DISK_LEN / sizeof(u64); i++)
        wrong += words[i] != mix(seed) + i;
    return wrong;
}

static int disk_check(struct busy_worker *w)
{
    const int error = w->seed ? disk_read(w->disk, DISK_START, w->bytes, DISK_LEN) : 0;

    if (!error && w->seed)
        w->wrong += disk_wrong(w->bytes, w->seed);
    return error;
}

/* What the disk holds is known again when all of it was written and made durable. */
static int disk_change(struct busy_worker *w)
{
    const u64 seed = mix(w->rounds + 1) | 1;
    int error;

    disk_fill(w->bytes, seed);
    w->seed = 0;
    error = disk_write(w->disk, DISK_START, w->bytes, DISK_LEN);
    if (!error)
        error = disk_flush(w->disk);
    if (!error)
        w->seed = seed;
    return error;
}

static void disk_round(struct busy_worker *w)
{
    int error = disk_check(w);

    if (!error)
        error = disk_change(w);
    if (error == -ENXIO || error == -EIO)
        w->refused++;
    else if (error)
        w->error = error;
}

static bool is_scratch(struct disk *d)
{
    char start[sizeof(SCRATCH_MARK)] = "";

    return !d->readonly && d->size >= DISK_START + DISK_LEN &&
           !disk_read(d, 0, start, sizeof(start) - 1) && !strcmp(start, SCRATCH_MARK);
}

/* ---- Network -------------------------------------------------------------------------------- */

/* Used by: the worker net. The host's bridge may have another address after an attach. */
static struct station station;
static u8 ping_memory[PAGE_SIZE];

/* Ping with one size until the answer. Return 0, or the error of an interface that is down. */
static int ping_until_answered(struct echo_window *e)
{
    int error = 0;

    while (!error && !echo_is_answered(e) && !READ_ONCE(stop)) {
        error = echo_attempt(&station, ping_memory, e);
        if (!error && !echo_is_answered(e))
            station_find_host(&station);
    }
    return error;
}

static void net_round(struct busy_worker *w)
{
    struct echo_window e = {.first = (u32)(w->rounds * 97 % PING_SIZES), .count = 1};
    const int error = ping_until_answered(&e);

    w->wrong += e.wrong;
    if (error == -ENXIO || error == -ETIME)
        w->refused++;
    else if (error)
        w->error = error;
}

/* ---- Workers -------------------------------------------------------------------------------- */

static void work(void *arg)
{
    struct busy_worker *w = arg;

    while (!READ_ONCE(stop)) {
        w->round(w);
        WRITE_ONCE(w->rounds, w->rounds + 1);
        sleep_until(pv_clock_ns() + PAUSE_MS * NS_PER_MS);
    }
}

static bool worker_start(struct busy_worker new)
{
    struct busy_worker *w = &workers[nr_workers];

    *w = new;
    w->thread = thread_start(w->name, THREAD_ANY_CPU, work, w);
    nr_workers += w->thread != NULL;
    return w->thread;
}

static bool disk_workers_start(void)
{
    bool started = true;

    for (u32 i = 0; i < disk_count() && nr_workers < WORKERS_MAX; i++) {
        struct disk *const d = disk_get(i);

        if (is_scratch(d))
            started &= worker_start((struct busy_worker){
                .name = d->name, .round = disk_round, .disk = d, .bytes = kmalloc(DISK_LEN)});
    }
    return started;
}

static bool all_start(void)
{
    bool started = memory_alloc() && load_start(false);

    started &= worker_start((struct busy_worker){.name = "memory", .round = memory_round});
    started &= worker_start((struct busy_worker){.name = "spaces", .round = space_round});
    if (!xenstore_absence())
        started &= worker_start((struct busy_worker){.name = "store", .round = store_round});
    if (netif_count())
        started &= station_open(&station, netif_get(0)) &&
                   worker_start((struct busy_worker){.name = "net", .round = net_round});
    return started && disk_workers_start();
}

/* ---- Requests ------------------------------------------------------------------------------- */

/* Return whether each worker ends another round. */
static bool all_continue(void)
{
    u64 before[WORKERS_MAX];
    bool all = load_continues();

    for (u32 i = 0; i < nr_workers; i++)
        before[i] = READ_ONCE(workers[i].rounds);
    for (u32 i = 0; i < nr_workers; i++)
        all &= SLEEP_UNTIL(READ_ONCE(workers[i].rounds) > before[i]);
    return all;
}

/* Return the first worker with a loss or an error, or NULL. */
static const struct busy_worker *loser(void)
{
    for (u32 i = 0; i < nr_workers; i++)
        if (READ_ONCE(workers[i].wrong) || READ_ONCE(workers[i].error))
            return &workers[i];
    return NULL;
}

static void fail_if_lost(void)
{
    const struct busy_worker *const w = loser();

    if (w)
        finish(VERDICT_FAIL, "busy: %s: %llu things are lost, error %d", w->name,
               (unsigned long long)w->wrong, w->error);
}

static void report_check(const char *number)
{
    struct balloon_state memory_state;
    char text[256];
    u32 len;

    if (!all_continue())
        finish(VERDICT_FAIL, "busy: check %s: a thread does not continue", number);
    fail_if_lost();
    balloon_get_state(&memory_state);
    len = (u32)ksnprintf(text, sizeof(text), "%u CPUs, %llu of %llu KiB, %u suspends, %llu NMIs",
                         smp_online_count(), (unsigned long long)memory_state.now << 2,
                         (unsigned long long)memory_state.target << 2, lifecycle.suspends,
                         (unsigned long long)irq_unclaimed_nmis());
    for (u32 i = 0; i < nr_workers && len < sizeof(text); i++)
        len += (u32)ksnprintf(text + len, sizeof(text) - len, ", %s %llu/%llu", workers[i].name,
                              (unsigned long long)READ_ONCE(workers[i].rounds),
                              (unsigned long long)READ_ONCE(workers[i].refused));
    print("busy: check %s: ok: %s\n", number, text);
}

static void end(void)
{
    u64 wrong, rounds = 0;

    WRITE_ONCE(stop, true);
    for (u32 i = 0; i < nr_workers; i++) {
        thread_join(workers[i].thread);
        rounds += workers[i].rounds;
    }
    wrong = load_stop();
    for (u64 i = 0; i < memory.count; i++)
        wrong += memory_wrong(i);
    fail_if_lost();
    if (wrong)
        finish(VERDICT_FAIL, "busy: %llu pages have changed", (unsigned long long)wrong);
    finish(VERDICT_PASS, "busy: %llu rounds", (unsigned long long)rounds);
}

/* Read a line of input, which may be truncated, without its end. */
static void read_request(char *line, size_t cap)
{
    size_t len = 0;

    for (;;) {
        const int c = pv_console_read();

        if (c == '\n' || c == '\r')
            break;
        if (c >= 0 && len + 1 < cap)
            line[len++] = (char)c;
        if (c < 0)
            sleep_until(pv_clock_ns() + NS_PER_MS);
    }
    line[len] = '\0';
}

static void busy_payload(void)
{
    char line[LINE_MAX];

    if (!all_start())
        finish(VERDICT_FAIL, "busy: the workers do not start");
    print("busy: %llu pages have checksums\n", (unsigned long long)memory.count);
    for (;;) {
        read_request(line, sizeof(line));
        if (!strncmp(line, "check ", 6))
            report_check(line + 6);
        else if (!strcmp(line, "end"))
            end();
        else
            print("busy: the requests are \"check N\" and \"end\", not \"%s\"\n", line);
    }
}
PAYLOAD(busy, busy_payload);
