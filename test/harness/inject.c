/* SPDX-License-Identifier: MIT */
/*
 * Injected faults (inject=NAME, kernel/registry.h). Each causes a failure that must be reported;
 * the steps of ./run.sh test boot them and check the report.
 */
#include "kernel/panic.h"
#include "kernel/registry.h"
#include "lib/acpi.h"
#include "lib/address_map.h"
#include "lib/string.h"
#include "test/harness/cpus.h"

static void inject_fail(void)
{
    EXPECT(!"injected: this test fails");
}

static void inject_skip(void)
{
    SKIP("injected: this test is not applicable");
}

/*
 * The backtrace of its fault names the caller only if the function has set up its frame before its
 * first access.
 */
static __attribute__((noinline)) u64 leaf(const u64 *at, u64 x)
{
    return *at * x + x;
}

static void inject_leaf(void)
{
    print("%llu\n", (unsigned long long)leaf((const u64 *)0xffffff7fdead0000, boot_entry_tsc));
}

static void inject_divide(void)
{
    u32 high = 0, low = 1;

    __asm__ volatile("divl %2" : "+d"(high), "+a"(low) : "r"(0));
}

static void inject_opcode(void)
{
    __asm__ volatile("ud2");
}

static int recurse(volatile int depth)
{
    return depth < 0 ? 0 : recurse(depth + 1) + depth;
}

static void inject_stack(void)
{
    recurse(0);
}

static void inject_panic(void)
{
    panic("injected");
}

static void inject_loop(void)
{
    for (;;)
        barrier();
}

static struct mutex mutex = {.queue = {.lock = SPINLOCK("injected mutex")}};

static void inject_relock(void)
{
    mutex_lock(&mutex);
    mutex_lock(&mutex);
}

static void inject_unlock(void)
{
    mutex_unlock(&mutex);
}

/* Print a line that is longer than print's buffer. */
static void inject_long_line(void)
{
    static char text[2 * PRINT_MAX];

    memset(text, 'x', sizeof(text) - 1);
    print("%s\n", text);
    print("# the next line\n");
}

/* All CPUs print at once; no line may be broken by another. */
static void print_lines(void *arg)
{
    (void)arg;
    for (u32 i = 0; i < 100; i++)
        print("# CPU %u sings %s\n", pv_this_cpu(), "do re mi fa so la ti do re mi fa so la ti do");
}

static void inject_chorus(void)
{
    struct workers workers;

    workers_start(&workers, 0, stress_cpus(), print_lines, NULL, 0);
    workers_join(&workers);
}

/* Call an op with interrupts enabled that requires them disabled: check=context reports it. */
static void inject_context(void)
{
    pv_safe_halt();
}

/* Reset the machine before the verdict is printed. */
static void inject_silent(void)
{
    pv_shutdown(PV_REBOOT, 0);
}

/* Each of two CPUs holds a lock and waits for the other's. With one CPU, it waits for its own. */
static struct spinlock left = SPINLOCK("left"), right = SPINLOCK("right");

static void take_right_then_left(void *arg)
{
    (void)arg;
    spin_lock(&right);
    spin_lock(&left);
}

static void inject_deadlock(void)
{
    spin_lock(&left);
    if (smp_online_count() == 1)
        spin_lock(&left);
    thread_start("other", 1, take_right_then_left, NULL);
    while (!READ_ONCE(right.owner))
        __builtin_ia32_pause();
    spin_lock(&right);
}

/*
 * Make the MADT list a CPU that does not exist, in place of its last interrupt override (layouts:
 * lib/madt.c).
 */
static void inject_absent_cpu(void)
{
    const struct boot_info *b = boot_info_ptr;
    const struct phys_window low = {(const u8 *)DIRECT_MAP_BASE, 0, BOOT_MAP_SIZE};
    u8 *madt = (u8 *)(u64)acpi_find_table(&low, b, "APIC");
    u8 *entry = NULL, sum = 0;

    if (!madt)
        panic("injected: the firmware has no MADT");
    for (u32 at = 44; at < load32(madt + 4); at += madt[at + 1])
        if (madt[at] == 2)
            entry = madt + at;
    if (!entry)
        panic("injected: the MADT has no interrupt override");
    memset(entry + 2, 0, 8);
    entry[0] = 0;  /* local APIC */
    entry[3] = 99; /* its id */
    entry[4] = 1;  /* enabled */
    for (u32 at = 0; at < load32(madt + 4); at++)
        sum = (u8)(sum + madt[at]);
    madt[9] = (u8)(madt[9] - sum);
}

INJECT(fail, INJECT_TEST, inject_fail);
INJECT(skip, INJECT_TEST, inject_skip);
INJECT(crash, INJECT_TEST, inject_wild_write);
INJECT(leaf, INJECT_TEST, inject_leaf);
INJECT(divide, INJECT_TEST, inject_divide);
INJECT(opcode, INJECT_TEST, inject_opcode);
INJECT(stack, INJECT_TEST, inject_stack);
INJECT(panic, INJECT_TEST, inject_panic);
INJECT(context, INJECT_TEST, inject_context);
INJECT(relock, INJECT_TEST, inject_relock);
INJECT(unlock, INJECT_TEST, inject_unlock);
INJECT(long_line, INJECT_TEST, inject_long_line);
INJECT(chorus, INJECT_TEST, inject_chorus);
INJECT(loop, INJECT_TEST, inject_loop);
INJECT(silent, INJECT_TEST, inject_silent);
INJECT(deadlock, INJECT_TEST, inject_deadlock);
INJECT(absent_cpu, INJECT_EARLY, inject_absent_cpu);
