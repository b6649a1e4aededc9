/* SPDX-License-Identifier: MIT */
/*
 * The memory for a program that the runner writes into it later (struct program_slot). The runner
 * saves the machine while this function waits, and puts a program into each copy of the machine:
 * so a copy need not boot.
 */
#include "kernel/console.h"
#include "kernel/panic.h"
#include "kernel/time.h"
#include "lib/string.h"
#include "mm/vmap.h"
#include "pv/record/record.h"
#include "trace/replay.h"

/* How long the runner may take, which looks at all the memory. */
#define PROGRAM_LIMIT_NS (300 * NS_PER_S)

/*
 * Time between two looks. The CPU halts in it, so that the runner soon finds it in the hypervisor:
 * QEMU does not load a machine whose CPU was saved in SVM's guest mode.
 */
#define LOOK_NS (50 * NS_PER_MS)

const struct program *replay_wait_for_program(const struct program_slot *slot)
{
    struct time_limit limit = time_limit(PROGRAM_LIMIT_NS);
    u8 *const memory = slot->size % PAGE_SIZE ? NULL : vmalloc(slot->size);
    const struct program *const program = (const void *)memory;
    const u32 pages = (u32)(slot->size / PAGE_SIZE);

    if (!memory)
        finish(VERDICT_ERROR, "replay: no memory for a program of %llu bytes",
               (unsigned long long)slot->size);
    print("paravane: replay waits for its program\n");
    memset(memory, 0, slot->size);
    for (u32 i = 0; i < pages; i++)
        record_page_label(memory + i * PAGE_SIZE, slot->token, i, pages);
    while (READ_ONCE(program->magic) != PROGRAM_MAGIC) {
        if (time_limit_reached(&limit))
            finish(VERDICT_ERROR, "replay: the runner passes no program; use ./run.sh minimise");
        sleep_until(pv_clock_ns() + LOOK_NS);
    }
    return program;
}
