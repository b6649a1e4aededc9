/* SPDX-License-Identifier: MIT */
/*
 * The boot story, from the first call of an op to the payload.
 *
 * boot/ enters twice. boot_main (boot/boot.c) is the first C code on every boot path. It calls
 * kernel_early with the loader's raw information, then parses that information, and calls
 * kernel_main with the result. Selection comes before parsing so that a faulty loader can be
 * reported: without a backend there is no console.
 *
 * What works after each step:
 *
 *   kernel_early
 *     cpu_early         %gs: the CPU's area, so __fentry__ can check the stack
 *     pv_select         every op (a few need a later step, as their contract says); print()
 *     trap_init         exceptions reach the kernel: panics with registers, PV_TRY
 *   kernel_main
 *     read_command_line cmdline; log levels
 *     memory_map_init   boot_info has the final memory map
 *     pv_platform_init  ACPI tables, Xen's shared pages
 *     memory_init       the kernel's own page tables with W^X; frames, vmap, heap
 *     sites_init        calls of ops are patched to direct calls or instructions
 *     cpu_init          the GDT, TSS and IDT are the kernel's; user mode can be entered
 *     fpu_init          SSE, for programs; the kernel itself does not use it
 *     irq_init          lines can be bound; interrupts are still disabled
 *     time_init         the clock and timers; interrupts are enabled
 *     thread_init       sleeping, threads, mutexes
 *     drivers_start     what the host offers: xenstore, and what it describes
 *     smp_init          the other CPUs, unless the payload wants to be alone
 *
 * The payload that run= names then runs in the boot thread: by default the suite
 * (test/harness/suite.c). A step that fails ends the run with a verdict and the reason.
 */
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/driver.h"
#include "kernel/irq.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/registry.h"
#include "kernel/sites.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "lib/memory_map.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "pv/backend.h"

_Static_assert((int)PV_STATUS_FAIL == (int)VERDICT_FAIL, "pv/ reports the same status");

_Static_assert(CMDLINE_ARGUMENTS_MAX >= BOOT_CMDLINE_MAX, "a program's arguments fit");

extern const struct payload _payloads_start[], _payloads_end[];
extern const char _image_end[];

/* Written: by kernel_main, before other CPUs are up. */
const struct boot_info *boot_info_ptr;
struct cmdline cmdline;
const char *payload_argument;
u64 boot_first_line_tsc;

static void __noreturn on_pv_panic(const char *op, const char *what)
{
    panic("op %s of backend %s: %s", op, pv_backend_name(), what);
}

static void on_pv_warn(const char *what)
{
    log_warn("%s", what);
}

/* Without a backend there are no ops: use what pv/early.c offers instead. */
static void __noreturn end_without_backend(void)
{
    pv_raw_print("paravane: verdict ERROR: no backend can run on this machine\n");
    pv_raw_end(VERDICT_ERROR);
}

void kernel_early(enum boot_protocol protocol, u64 loader_info)
{
    const struct pv_backend *backend;

    cmdline.log = LOG_INFO; /* until the command line is read */
    cpu_early();
    backend = pv_select(protocol, loader_info);
    if (!backend)
        end_without_backend();
    pv_panic_handler = on_pv_panic;
    pv_warn_handler = on_pv_warn;
    trap_init();
}

/* If a step of the boot has returned an error, end the run with "WHATVALUE: ERROR". */
static void end_if_error(const char *what, const char *value, const char *error)
{
    if (error)
        finish(VERDICT_ERROR, "%s%s: %s", what, value, error);
}

static void print_banner(void)
{
    char platform[64];

    pv_banner(platform, sizeof(platform));
    print("\nparavane: Paravane %s on %s (%s)\n", PARAVANE_VERSION, pv_backend_name(), platform);
    boot_first_line_tsc = pv_read_tsc();
}

static void read_boot_info(const struct boot_info *info, const char *boot_error)
{
    static const char protocols[][11] = {"", "multiboot2", "pvh", "xen pv"};

    end_if_error(protocols[info->protocol], "", boot_error);
    boot_info_ptr = info;
}

static void read_command_line(const char *line)
{
    char error[CMDLINE_ERROR_MAX];

    end_if_error("command line", "", cmdline_parse(line, &cmdline, error) ? NULL : error);
    if (cmdline.nr_foreign)
        log_warn("command line: %u words are not this kernel's and are passed over: %s",
                 cmdline.nr_foreign, cmdline.foreign);
}

/* pv=NAME: replace the detected backend, before its first use that matters. */
static void force_backend(void)
{
    const char *detected = pv_backend_name();
    char platform[64];

    if (!cmdline.pv[0])
        return;
    end_if_error("pv=", cmdline.pv, pv_select_forced(cmdline.pv));
    trap_init();
    pv_banner(platform, sizeof(platform));
    log_info("pv=%s: backend %s (%s) instead of %s", cmdline.pv, pv_backend_name(), platform,
             detected);
}

/* Options for tests: another backend, a wrong op, checked ops, an injected fault. */
static void apply_test_options(void)
{
    const struct injected_fault *fault;

    force_backend();
    if (cmdline.mutate[0])
        end_if_error("mutate=", cmdline.mutate, apply_op_change("mutate", cmdline.mutate));
    if (cmdline.check[0])
        end_if_error("check=", cmdline.check, apply_op_change("check", cmdline.check));
    fault = inject_wanted(INJECT_EARLY);
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

    end_if_error("memory map", "", pv_memory_map(info));
    end_if_error("memory map", "", boot_memory_finish(info));
    boot_drop_modules(info, (u64)_image_end - VIRT_BASE);
    if (map->ram_left_out || map->joined)
        log_warn("memory map: more than %u regions: %llu KiB of RAM are left unused, %u regions "
                 "are joined with others",
                 BOOT_REGIONS_MAX, (unsigned long long)(map->ram_left_out >> 10), map->joined);
}

/* Refuse a machine with too little RAM for page tables, stacks and the suite. */
static void check_memory_size(const struct boot_info *info)
{
    const u32 least = 24;
    u64 ram = 0, usable = 0, absent = 0;

    for (u32 i = 0; i < info->nr_regions; i++) {
        const struct boot_region *r = &info->regions[i];

        absent += r->type == BOOT_ABSENT ? r->size : 0;
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
    if (absent)
        log_info("memory: %llu MiB more if the host gives them",
                 (unsigned long long)(absent >> 20));
}

static void memory_init(const struct boot_info *info)
{
    struct pv_features features;

    end_if_error("memory", "", mm_init(info));
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
static const struct payload *find_payload(char *name)
{
    char *colon = strchr(name, ':');

    payload_argument = "";
    if (colon) {
        *colon = '\0';
        payload_argument = colon + 1;
    }
    return find_named("payload", _payloads_start, _payloads_end, sizeof(struct payload), name);
}

static void __noreturn run_payload(const struct payload *payload)
{
    payload->run();
    panic("payload %s returned", payload->named.name);
}

void kernel_main(struct boot_info *info, const char *boot_error)
{
    const struct payload *payload;

    print_banner();
    read_boot_info(info, boot_error);
    read_command_line(info->cmdline);
    apply_test_options();
    memory_map_init(info);
    report_modules(info);
    check_memory_size(info);
    pv_platform_init(info);
    memory_init(info);
    sites_init();
    cpu_init();
    fpu_init();
    irq_init();
    time_init();
    thread_init();
    drivers_start();
    payload = find_payload(cmdline.run);
    if (!payload->alone)
        smp_init();
    run_payload(payload);
}
