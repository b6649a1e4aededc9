/* SPDX-License-Identifier: MIT */
/* The rings of records, and the pages in which the host finds them (record.h). */
#include "lib/string.h"
#include "pv/native/io.h"
#include "pv/record/record.h"

#define RING_MIN   KIB(64)
#define RING_MAX   MIB(1)
#define RINGS_SIZE MIB(8) /* of all together, if there are few CPUs */

/*
 * How long the host may take to find the pages: minutes on any computer, because it reads all of
 * the machine's memory for it.
 */
#define ANSWER_TICKS (1ull << 38)

/* Written: by record_start, on one CPU. NULL: recording is off. */
static struct record_control *control;
static u8 *rings_start; /* the memory after control. Written: as control */

static u64 ring_size(const struct record_options *options)
{
    u64 size = RING_MAX;

    while (size > RING_MIN && size * options->cpus > RINGS_SIZE)
        size /= 2;
    return size;
}

u64 record_memory_size(const struct record_options *options)
{
    return PAGE_SIZE + ring_size(options) * options->cpus;
}

/*
 * Take size bytes of a ring, and those up to its end if they do not fit there. A record inside
 * another one, as in an NMI, does not wait for room: the host takes none before the outer one is
 * complete.
 */
static struct record_head *reserve(struct record_ring *ring, u8 *bytes, u64 size)
{
    const u64 all = control->ring_size;

    for (;;) {
        u64 head = READ_ONCE(ring->head);
        const u64 left = all - head % all;
        const u64 pad = left >= size ? 0 : left;

        if (head + pad + size - READ_ONCE(ring->tail) > all) {
            if (control->lossy || ring->open > 1) {
                __atomic_fetch_add(&ring->lost, 1, __ATOMIC_RELAXED);
                return NULL;
            }
            __asm__ volatile("pause");
            continue;
        }
        if (!__atomic_compare_exchange_n(&ring->head, &head, head + pad + size, false,
                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            continue;
        if (pad)
            WRITE_ONCE(*(u64 *)(void *)(bytes + head % all), record_commit(pad, RECORD_PAD, 0, 0));
        return (void *)(bytes + (head + pad) % all);
    }
}

u64 record_open(struct record_slot *slot, enum record_kind kind, u32 id, u64 bytes)
{
    const u64 size = sizeof(struct record_head) + ALIGN_UP(bytes, 8);
    struct record_ring *ring;
    u32 cpu;

    slot->words = NULL;
    if (!control)
        return 0;
    slot->flags = record_real.flag.save_fl();
    record_real.flag.irq_disable();
    cpu = pv_this_cpu() % control->nr_rings;
    ring = &control->rings[cpu];
    ring->open++;
    slot->head = reserve(ring, rings_start + cpu * control->ring_size, size);
    if (!slot->head) {
        ring->open--;
        record_real.flag.restore_fl(slot->flags);
        return 0;
    }
    slot->words = (u64 *)(void *)(slot->head + 1);
    slot->commit = record_commit(size, kind, cpu, id);
    slot->head->sequence = __atomic_add_fetch(&control->sequence, 1, __ATOMIC_RELAXED);
    slot->head->tsc = rdtsc();
    return slot->head->sequence;
}

void record_close(const struct record_slot *slot)
{
    if (!slot->words)
        return;
    barrier();
    WRITE_ONCE(slot->head->commit, slot->commit);
    control->rings[record_cpu(slot->commit)].open--;
    record_real.flag.restore_fl(slot->flags);
}

static bool wait_for_host(const struct record_control *c)
{
    const u64 start = rdtsc();

    while (!READ_ONCE(c->ready))
        if (rdtsc() - start > ANSWER_TICKS)
            return false;
    return true;
}

/* Clear what the host has searched for: a record's place is 0 until it is complete. */
static void clear_rings(void *memory, u32 pages)
{
    memset((u8 *)memory + PAGE_SIZE, 0, (pages - 1) * PAGE_SIZE);
}

const char *record_start(void *memory, const struct record_options *options)
{
    struct record_control *c = memory;
    const u32 pages = (u32)(record_memory_size(options) / PAGE_SIZE);

    memset(memory, 0, pages * PAGE_SIZE);
    c->version = RECORD_VERSION;
    c->nr_rings = options->cpus;
    c->ring_size = ring_size(options);
    c->lossy = options->lossy;
    for (u32 i = 0; i < pages; i++)
        record_page_label((u8 *)memory + i * PAGE_SIZE, options->token, i, pages);
    if (!wait_for_host(c))
        return "no recorder answers; use ./run.sh boot --record FILE, which adds this word";
    clear_rings(memory, pages);
    record_real = pv_ops;
    rings_start = (u8 *)memory + PAGE_SIZE;
    WRITE_ONCE(control, c);
    record_tables_start();
    record_ops_start(options->ops);
    record_callbacks_start(options->ops != RECORD_OPS_CALLS_ONLY);
    record_hypercalls_start();
    return NULL;
}
