/* SPDX-License-Identifier: MIT */
/* The state of the machine: CPUs, interrupts, timers, memory, and the call sites of ops. */
#include "kernel/irq.h"
#include "kernel/report.h"
#include "kernel/sites.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "lib/format.h"
#include "lib/string.h"
#include "test/patch/sites.h"
#include "test/shell/shell.h"

#define TIMERS_SHOWN 16
#define VECTORS      256

SHELL_COMMAND(cpus, "", "list the CPUs: what each runs, and where it is")
{
    print("%u CPUs are listed by the platform, %u online\n", pv_cpu_count(), smp_online_count());
    for_each_online_cpu (c)
        print("  CPU %u: thread %s, started %u times, %u spinlocks, %llu calls of other CPUs\n",
              c->area.number, c->thread->name, c->starts, c->area.spinlocks,
              (unsigned long long)c->calls_run);
    report_cpus();
}

static bool parse_cpu(const struct words *words, u64 *cpu)
{
    if (words->count != 2) {
        shell_error("%s takes the number of a CPU", words->word[0]);
        return false;
    }
    return shell_number(words->word[1], "CPU", PV_CPUS_MAX - 1, cpu);
}

static void print_kernel_status(int status)
{
    const char *name = status < 0 ? shell_error_name((u64)-status) : NULL;

    print("%d%s%s%s; %u CPUs online\n", status, name ? " (" : "", name ? name : "", name ? ")" : "",
          smp_online_count());
}

SHELL_COMMAND(up, "CPU", "start a CPU, as the kernel does (smp_up)")
{
    u64 cpu;

    if (parse_cpu(words, &cpu))
        print_kernel_status(smp_up((u32)cpu));
}

SHELL_COMMAND(down, "CPU", "take a CPU offline, as the kernel does (smp_down)")
{
    u64 cpu;

    if (parse_cpu(words, &cpu))
        print_kernel_status(smp_down((u32)cpu));
}

SHELL_COMMAND(irqs, "", "count the interrupts of each CPU, and list the lines that have a handler")
{
    char room[96];

    report_interrupts();
    for (u32 line = 0; line < irq_lines(); line++)
        if (irq_handler_of(line))
            print("  line %u: %s\n", line, shell_symbol(irq_handler_of(line), room));
    for (u32 vector = 0; vector < VECTORS; vector++)
        if (irq_unclaimed((u8)vector))
            print("  vector %#x: %llu interrupts, no line uses it\n", vector,
                  (unsigned long long)irq_unclaimed((u8)vector));
    if (irq_unclaimed_nmis())
        print("  %llu NMIs that the kernel has not sent\n",
              (unsigned long long)irq_unclaimed_nmis());
}

/* Copy the first timers of a CPU, because they fire while they are printed. */
static u32 copy_timers(struct cpu *c, struct timer copies[TIMERS_SHOWN])
{
    const u64 flags = pv_irq_save();
    u32 count = 0;

    spin_lock(&c->timer_lock);
    for (const struct timer *t = c->timers; t && count < TIMERS_SHOWN; t = t->next)
        copies[count++] = *t;
    spin_unlock(&c->timer_lock);
    pv_restore_fl(flags);
    return count;
}

SHELL_COMMAND(timers, "", "list the timers of each CPU, the next one first")
{
    struct timer copies[TIMERS_SHOWN];
    const u64 now = pv_clock_ns();
    char room[96];

    print("the clock (%s) is at %llu ns\n", pv_clock_source(), (unsigned long long)now);
    for_each_online_cpu (c) {
        const u32 count = copy_timers(c, copies);

        print("  CPU %u: %u timers\n", c->area.number, count);
        for (u32 i = 0; i < count; i++)
            print("    in %lld us: %s\n", (long long)(copies[i].deadline - now) / 1000,
                  shell_symbol((u64)copies[i].fire, room));
    }
}

SHELL_COMMAND(memory, "", "print how much memory there is, and is free")
{
    report_memory();
}

/* ---- Call sites */

static void count_sites(void)
{
    u32 counts[PV_NR_STATES] = {0};

    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++) {
        struct pv_site_code code;

        pv_site_code(site, &code);
        counts[code.state]++;
    }
    print("%u call sites, %s:", (u32)(pv_sites_end - pv_sites),
          pv_is_patched() ? "patched" : "not patched");
    for (u32 state = 0; state < PV_NR_STATES; state++)
        print(" %u %s", counts[state], sites_states[state]);
    print("\n");
}

static u32 print_sites_of(u32 op, u64 most)
{
    u32 count = 0;

    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++) {
        struct pv_site_code code;

        if (site->op != op || count++ >= most)
            continue;
        pv_site_code(site, &code);
        sites_print(site, &code);
    }
    return count;
}

SHELL_COMMAND(sites, "[OP [COUNT]]",
              "count the call sites of ops, or list those of one: bytes and code")
{
    u64 most = 8;
    u32 op, count;

    if (words->count == 1) {
        count_sites();
        return;
    }
    op = shell_find_op(words->word[1]);
    if (op == PV_NR_OPS) {
        shell_error("%s is not an op", words->word[1]);
        return;
    }
    if (words->count > 2 && !shell_number(words->word[2], "count", 10000, &most))
        return;
    count = print_sites_of(op, most);
    print("%u sites of %s%s\n", count, shell_ops[op].name,
          count > most ? ", the first are shown" : "");
}

SHELL_COMMAND(patch, "on|off",
              "patch all call sites, or turn them back into calls through the table")
{
    const bool on = words->count == 2 && !strcmp(words->word[1], "on");

    if (!on && (words->count != 2 || strcmp(words->word[1], "off"))) {
        shell_error("patch takes on or off");
        return;
    }
    if (on != pv_is_patched())
        set_patched(on);
    count_sites();
}
