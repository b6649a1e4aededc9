/* SPDX-License-Identifier: MIT */
/*
 * Run code that may fault, or that a backend may refuse by pv_panic, and continue. While it runs,
 * pv_panic raises an exception on the CPU that runs it, which PV_TRY catches like any other.
 */
#include "kernel/irq.h"
#include "lib/format.h"
#include "lib/string.h"
#include "test/shell/shell.h"

/* One trial at a time: the boot thread's, or that of a thread for which it waits. */
static struct shell_trial *running;
static u32 running_cpu;
static __noreturn void (*kernel_handler)(const char *op, const char *what);

static void __noreturn catch_panic(const char *op, const char *what)
{
    if (pv_this_cpu() != running_cpu || irq_frame())
        kernel_handler(op, what);
    ksnprintf(running->panic, sizeof(running->panic), "%s: %s", op, what);
    __asm__ volatile("ud2");
    __builtin_unreachable();
}

bool shell_try(struct shell_trial *t, void (*fn)(void *arg), void *arg)
{
    const u64 flags = pv_irq_save();
    const u32 spinlocks = pv_this_area()->spinlocks;

    memset(t, 0, sizeof(*t));
    running = t;
    running_cpu = pv_this_cpu();
    kernel_handler = pv_panic_handler;
    pv_panic_handler = catch_panic;
    pv_restore_fl(flags);
    PV_TRY(t->fault)
    {
        fn(arg);
    }
    pv_irq_disable();
    pv_panic_handler = kernel_handler;
    t->spinlocks = pv_this_area()->spinlocks - spinlocks;
    pv_this_area()->spinlocks = spinlocks;
    pv_restore_fl(flags);
    return !t->fault.caught;
}

static void print_page_fault(const struct fault *f)
{
    const char *access = f->error & 16 ? "execution" : f->error & 2 ? "write" : "read";

    print(" on the %s of %#llx, which is %s", access, (unsigned long long)f->address,
          f->error & 1 ? "protected" : "not mapped");
}

void shell_print_trial(const struct shell_trial *t)
{
    char room[96];

    if (t->panic[0]) {
        print("panics: %s (caught)\n", t->panic);
    } else {
        print("faults: %s", exception_name(t->fault.vector));
        if (t->fault.vector == 14)
            print_page_fault(&t->fault);
        print(", in %s (caught)\n", shell_symbol(t->fault.rip, room));
    }
    if (t->spinlocks)
        print("  %u spinlocks stay locked: a later call may wait for one indefinitely\n",
              t->spinlocks);
}
