/* SPDX-License-Identifier: MIT */
/*
 * watch ADDRESS COMMAND: report each write of this CPU to a word while a command runs, by a
 * breakpoint on data (the op set_debugreg). What the hypervisor or another CPU writes does not trap
 * here: it is seen only in the word's last value.
 */
#include "lib/string.h"
#include "pv/x86.h"
#include "test/shell/shell.h"

enum { HITS_MAX = 16, BREAKPOINT = 3 };

static struct hit {
    u64 rip, value;
} hits[HITS_MAX];
static u32 nr_hits;
static const volatile u64 *watched;

/* The trap comes after the write. */
static bool on_debug(struct trap_frame *frame)
{
    const u64 dr6 = pv_get_debugreg(6);

    if (!(dr6 & 1u << BREAKPOINT))
        return false;
    if (nr_hits < HITS_MAX)
        hits[nr_hits] = (struct hit){frame->rip, *watched};
    nr_hits++;
    pv_set_debugreg(6, DR6_FIXED);
    return true;
}

static int watch_begin(u64 address)
{
    const u64 flags = pv_irq_save();
    int status;

    pv_set_debugreg(6, DR6_FIXED);
    status = pv_set_debugreg(BREAKPOINT, address);
    if (!status)
        status = pv_set_debugreg(7, DR7_ENABLE(BREAKPOINT) | DR7_WRITE_8(BREAKPOINT));
    pv_restore_fl(flags);
    return status;
}

static void watch_end(void)
{
    const u64 flags = pv_irq_save();

    pv_set_debugreg(7, DR7_FIXED);
    pv_set_debugreg(BREAKPOINT, 0);
    pv_restore_fl(flags);
}

static void read_word(void *arg)
{
    *(u64 *)arg = *watched;
}

/* Read the watched word. Return false, with a line, if that faults. */
static bool look(const char *when, u64 *value)
{
    struct shell_trial t;

    if (!shell_try(&t, read_word, value)) {
        shell_print_trial(&t);
        return false;
    }
    print("  %s: %#llx\n", when, (unsigned long long)*value);
    return true;
}

static void print_hits(void)
{
    char room[96];

    for (u32 i = 0; i < MIN(nr_hits, (u32)HITS_MAX); i++)
        print("  write %u: %#llx, by the instruction before %s\n", i + 1,
              (unsigned long long)hits[i].value, shell_symbol(hits[i].rip, room));
    print("  writes by this CPU: %u\n", nr_hits);
}

static void run_watched(struct words *words, bool really)
{
    int status;

    nr_hits = 0;
    debug_hook = on_debug;
    status = watch_begin((u64)watched);
    if (status)
        shell_error("set_debugreg returns %d", status);
    else
        shell_nested(words, 2, really);
    watch_end();
    debug_hook = NULL;
}

SHELL_COMMAND(watch, "ADDRESS COMMAND",
              "report each write of this CPU to a word while a command runs")
{
    u64 value = 0;
    u64 address;

    if (words->count < 3) {
        shell_error("watch takes an address and a command");
        return;
    }
    if (debug_hook) {
        shell_error("a watch is running");
        return;
    }
    if (!shell_value(words->word[1], &address))
        return;
    if (address % sizeof(u64)) {
        shell_error("%s is not a multiple of 8", words->word[1]);
        return;
    }
    watched = (const volatile u64 *)address;
    if (!look("before", &value))
        return;
    run_watched(words, really);
    print_hits();
    look("after", &value);
}
