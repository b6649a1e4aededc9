/*
 * The boot story. kernel_early is the first C code that runs after boot/'s entry; kernel_main tells
 * the rest, one call a line. Next: the payload that run= names, the suite (test/harness/suite.c)
 * unless told otherwise.
 */
#include "boot/layout.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/kernel.h"
#include "kernel/registry.h"
#include "kernel/panic.h"
#include "kernel/sites.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "pv/pv.h"

_Static_assert(CMDLINE_ARGUMENTS_MAX >= BOOT_CMDLINE_MAX, "the program's words fit");

extern const struct payload _payloads_start[], _payloads_end[];
extern const char _image_end[];

/* Written: by kernel_main, before other CPUs are up. */
const struct boot_info *boot_info_ptr;
struct cmdline cmdline;
const char *payload_argument;
u64 boot_first_line_tsc;

/* Written: by callbacks on CPU 0, the only CPU that is up during a suspend. */
struct lifecycle lifecycle;

static void __noreturn on_pv_panic(const char *op, const char *what)
{
    panic("op %s of backend %s: %s", op, pv_backend_name(), what);
}

static void __noreturn no_backend(void)
{
    pv_raw_print("paravane: verdict ERROR: no backend can run on this machine\n");
    pv_raw_end(VERDICT_ERROR);
}

static void on_pv_warn(const char *what)
{
    log_warn("%s", what);
}

void kernel_early(enum boot_protocol protocol, u64 loader_info)
{
    cmdline.log = LOG_INFO; /* until the command line is read */
    cpu_early();
    if (!pv_select(protocol, loader_info)) /* which platform is this? fills the op table */
        no_backend();
    pv_panic_handler = on_pv_panic;
    pv_warn_handler = on_pv_warn;
    trap_init(); /* an exception comes to the kernel from here on */
}

/* Ends the run if there is an error; what it is about comes first. */
static void check(const char *what, const char *value, const char *error)
{
    if (error)
        finish(VERDICT_ERROR, "%s%s: %s", what, value, error);
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

    check("command line", "", cmdline_parse(line, &cmdline, error) ? NULL : error);
    if (cmdline.nr_foreign)
        log_warn("command line: %u words are not this kernel's and are passed over: %s",
                 cmdline.nr_foreign, cmdline.foreign);
}

/* pv=: replace the detected backend before anything relies on it. */
static void force_backend(void)
{
    const char *detected = pv_backend_name();
    char platform[64];

    if (!cmdline.pv[0])
        return;
    check("pv=", cmdline.pv, pv_select_forced(cmdline.pv));
    trap_init();
    pv_banner(platform, sizeof(platform));
    log_info("pv=%s: backend %s (%s) instead of %s", cmdline.pv, pv_backend_name(), platform,
             detected);
}

/* inject=, mutate=: something wrong, which must be noticed. */
static void misbehave(void)
{
    const struct injected_fault *fault = inject_wanted(INJECT_EARLY);

    if (cmdline.mutate[0])
        check("mutate=", cmdline.mutate, mutate(cmdline.mutate));
    if (cmdline.check[0])
        check("check=", cmdline.check, check_ops(cmdline.check));
    if (fault)
        fault->run();
}

static void report_modules(const struct boot_info *info)
{
    if (info->modules_left_off)
        log_warn("modules: %u are left off: more than %u, or not in RAM, or in the image",
                 info->modules_left_off, BOOT_MODULES_MAX);
    if (info->module_strings_cut)
        log_warn("modules: the strings of %u are cut, the first that of module %u: unreadable, or "
                 "more than %u characters",
                 info->module_strings_cut, info->first_module_cut, BOOT_MODULE_CMDLINE_MAX - 1);
}

static void memory_map_init(struct boot_info *info)
{
    const struct boot_map *map = &info->map;

    check("memory map", "", pv_memory_map(info));
    check("memory map", "", boot_memory_finish(info));
    boot_drop_modules(info, (u64)_image_end - VIRT_BASE);
    if (map->ram_left_out || map->joined)
        log_warn("memory map: more than %u regions: %llu KiB of RAM are left unused, %u regions "
                 "are joined with others",
                 BOOT_REGIONS_MAX, (unsigned long long)(map->ram_left_out >> 10), map->joined);
}

/* Payloads and the stack need some room behind the image; the least that is worth starting with. */
static void check_memory_size(const struct boot_info *info)
{
    const u32 least = 24;
    u64 ram = 0, usable = 0;

    for (u32 i = 0; i < info->nr_regions; i++) {
        const struct boot_region *r = &info->regions[i];

        if (r->type != BOOT_RAM)
            continue;
        ram += r->size;
        usable += MIN(r->size, MM_RAM_LIMIT - MIN(r->base, MM_RAM_LIMIT));
    }
    if (usable < MIB(least))
        finish(VERDICT_ERROR,
               "too little memory: %llu KiB of RAM, at least %u MiB are needed; "
               "give the machine more",
               (unsigned long long)(usable >> 10), least);
    log_info("memory: %llu MiB of RAM in %u regions", (unsigned long long)(ram >> 20),
             info->nr_regions);
}

static void memory_init(const struct boot_info *info)
{
    struct pv_features features;

    check("memory", "", mm_init(info));
    pv_cpu_features(&features);
    if (!features.nx)
        log_warn("memory: this CPU has no NX: all that is mapped can be executed");
    if (mm_left_out.far)
        log_warn("memory: %llu MiB of RAM are left unused: they are above %llu GiB",
                 (unsigned long long)(mm_left_out.far >> 8),
                 (unsigned long long)(MM_RAM_LIMIT >> 30));
    if (mm_left_out.scattered)
        log_warn("memory: %llu KiB of RAM are left unused: the pieces are too small or too many",
                 (unsigned long long)mm_left_out.scattered << 2);
    log_info("memory: %llu of %llu MiB free", (unsigned long long)(frames_free() >> 8),
             (unsigned long long)(frames_total() >> 8));
}

/* run=NAME, or run=NAME:ARGUMENT. */
static void __noreturn run_payload(char *name)
{
    char *colon = strchr(name, ':');
    const struct payload *p;

    payload_argument = "";
    if (colon) {
        *colon = '\0';
        payload_argument = colon + 1;
    }
    p = find_named("payload", _payloads_start, _payloads_end, sizeof(*p), name);
    if (!p->alone)
        smp_init(); /* all other CPUs */
    p->run();
    panic("payload %s returned", name);
}

void kernel_main(struct boot_info *info, const char *boot_error)
{
    static const char protocols[][11] = {"", "multiboot2", "pvh", "xen pv"};

    banner();
    boot_first_line_tsc = pv_read_tsc();
    check(protocols[info->protocol], "", boot_error);
    boot_info_ptr = info;
    read_command_line(info->cmdline); /* what shall this image do? */
    force_backend();
    misbehave();
    memory_map_init(info); /* what the loader said, or the hypervisor knows */
    report_modules(info);
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

void lifecycle_suspend(void)
{
    lifecycle.suspends++;
}

void lifecycle_resume(bool was_cancelled)
{
    lifecycle.resumes++;
    lifecycle.cancelled += was_cancelled;
}

/* There is nothing yet that would have to be put away first. */
void lifecycle_shutdown_request(enum pv_shutdown_reason reason)
{
    log_info("asked to shut down");
    pv_shutdown(reason, 0);
}

void lifecycle_memory_target(u64 bytes)
{
    lifecycle.memory_target = bytes;
    log_info("asked to use %llu KiB of memory", (unsigned long long)(bytes >> 10));
}
