/*
 * The boot story. kernel_early is the first C code that runs after boot/'s entry; kernel_main tells
 * the rest, one call a line. Next: the payload that run= names, the suite (test/suite.c) unless
 * told otherwise.
 */
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/fpu.h"
#include "kernel/irq.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/plant.h"
#include "kernel/sites.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "kernel/verdict.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "pv/pv.h"

extern const struct payload _payloads_start[], _payloads_end[];

const struct boot_info *boot_info_ptr;
struct cmdline cmdline = {.log = LOG_INFO};
const char *payload_argument = "";
u64 boot_first_line_tsc;

static void __noreturn on_pv_panic(const char *op, const char *what)
{
    panic("op %s of backend %s: %s", op, pv_backend_name(), what);
}

void kernel_early(enum boot_protocol protocol, u64 loader_info)
{
    cpu_early();
    pv_panic_handler = on_pv_panic;
    pv_select(protocol,
              loader_info); /* which platform is this? fills the op table; the console works */
    trap_init();            /* an exception is told from here on */
}

static void banner(void)
{
    char platform[64];

    pv_banner(platform, sizeof(platform));
    print("\nparavane: Paravane %s on %s (%s)\n", PARAVANE_VERSION, pv_backend_name(), platform);
}

static void read_command_line(const char *line)
{
    char error[CMDLINE_ERROR_MAX];

    if (!cmdline_parse(line, &cmdline, error))
        finish(VERDICT_ERROR, "%s", error);
    plant_check();
}

/* pv=: the detected backend is replaced before anything relies on it. */
static void force_backend(void)
{
    const char *why_not;

    if (!cmdline.pv[0])
        return;
    why_not = pv_select_forced(cmdline.pv);
    if (why_not)
        finish(VERDICT_ERROR, "pv=%s: %s", cmdline.pv, why_not);
    trap_init();
    banner();
}

/* mutate=: a wrong op, which the suite must notice. */
static void mutate_wanted(void)
{
    const char *error = cmdline.mutate[0] ? mutate(cmdline.mutate) : NULL;

    if (error)
        finish(VERDICT_ERROR, "mutate=%s: %s", cmdline.mutate, error);
}

static void memory_map_init(struct boot_info *info)
{
    const char *error = pv_memory_map(info);

    if (!error)
        error = boot_memory_finish(info);
    if (error)
        finish(VERDICT_ERROR, "%s", error);
}

/* Payloads and the stack need some room behind the image; the least that is worth starting with. */
static void check_memory_size(const struct boot_info *info)
{
    const u64 least = MIB(24);
    u64 ram = 0;

    for (u32 i = 0; i < info->nr_regions; i++)
        if (info->regions[i].type == BOOT_RAM)
            ram += info->regions[i].size;
    if (ram < least)
        finish(
            VERDICT_ERROR,
            "too little memory: %llu KiB of RAM, at least %llu KiB are needed; give the machine more",
            (unsigned long long)(ram >> 10), (unsigned long long)(least >> 10));
    log_info("memory: %llu MiB of RAM in %u regions", (unsigned long long)(ram >> 20),
             info->nr_regions);
}

static void memory_init(const struct boot_info *info)
{
    const char *error = mm_init(info);

    if (error)
        finish(VERDICT_ERROR, "%s", error);
    log_info("memory: %llu of %llu MiB free", (unsigned long long)(frames_free() >> 8),
             (unsigned long long)(frames_total() >> 8));
}

/* run=NAME, or run=NAME:ARGUMENT. */
static void __noreturn run_payload(char *name)
{
    char *colon = strchr(name, ':');

    if (colon) {
        *colon = '\0';
        payload_argument = colon + 1;
    }
    for (const struct payload *p = _payloads_start; p < _payloads_end; p++)
        if (!strcmp(p->name, name)) {
            if (!p->alone)
                smp_init(); /* all other CPUs */
            p->run();
            panic("payload %s returned", name);
        }
    print("# run= knows:");
    for (const struct payload *p = _payloads_start; p < _payloads_end; p++)
        print(" %s", p->name);
    print("\n");
    finish(VERDICT_ERROR, "no payload is called \"%s\"", name);
}

void kernel_main(struct boot_info *info, const char *boot_error)
{
    const struct plant *plant;

    banner();
    boot_first_line_tsc = pv_read_tsc();
    if (boot_error)
        finish(VERDICT_ERROR, "%s", boot_error);
    boot_info_ptr = info;
    read_command_line(info->cmdline); /* what shall this image do? */
    force_backend();
    mutate_wanted();
    plant = plant_wanted(PLANT_EARLY);
    if (plant)
        plant->run();
    memory_map_init(info); /* what the loader said, or the hypervisor knows */
    check_memory_size(info);
    pv_platform_init(info); /* what the backend wants of it: ACPI, shared pages */
    memory_init(info);      /* the kernel's own page tables; all of RAM */
    sites_init();           /* every call of an op becomes what the op is here */
    cpu_init();             /* our own descriptor tables; system calls */
    fpu_init();             /* SSE, for programs */
    irq_init();             /* interrupt controllers or event channels */
    time_init();            /* the clock, the timer; interrupts are enabled from here on */
    thread_init();          /* this is a thread now, and may sleep */
    run_payload(cmdline.run);
}
