/* SPDX-License-Identifier: MIT */
/* Changing call sites while all other CPUs spin: see test/patch/sites.h. */
#include "kernel/irq.h"
#include "kernel/smp.h"
#include "test/harness/cpus.h"
#include "test/patch/sites.h"

static struct spinlock alone = SPINLOCK("alone");
static struct call holds[PV_CPUS_MAX];
static u32 held, released;

/* The interrupted code may be in the middle of a site: restart the site, whatever it is by then. */
static void hold_other_cpus(void *arg)
{
    struct trap_frame *frame = (struct trap_frame *)(u64)irq_frame();

    (void)arg;
    if (frame)
        pv_restart_site(frame);
    __atomic_fetch_add(&held, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&released, __ATOMIC_SEQ_CST))
        __builtin_ia32_pause();
    pv_sync_core();
}

/* The spinlock keeps this thread from migrating. */
void run_alone(void (*fn)(void *arg), void *arg)
{
    u32 others = 0;
    u64 set, flags;

    spin_lock(&alone);
    held = released = 0;
    set = online_cpus() & ~(1ull << pv_this_cpu());
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++) {
        holds[cpu] = (struct call){.fn = hold_other_cpus};
        if (set >> cpu & 1)
            others += !smp_call_async(cpu, &holds[cpu]);
    }
    while (__atomic_load_n(&held, __ATOMIC_SEQ_CST) < others)
        __builtin_ia32_pause();
    flags = pv_save_fl();
    pv_irq_disable();
    fn(arg);
    pv_restore_fl(flags);
    __atomic_store_n(&released, 1, __ATOMIC_SEQ_CST);
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        while (__atomic_load_n(&holds[cpu].state, __ATOMIC_SEQ_CST) != CALL_DONE)
            __builtin_ia32_pause();
    spin_unlock(&alone);
}

static void patch_sites(void *arg)
{
    pv_patch(*(bool *)arg);
}

void set_patched(bool patched)
{
    run_alone(patch_sites, &patched);
}

struct replacement {
    u32 op;
    const void *function;
};

static void replace_function(void *arg)
{
    const struct replacement *r = arg;

    pv_set_op(r->op, r->function);
}

const void *replace_op(u32 op, const void *function)
{
    const void *was = pv_ops.slot[op];
    struct replacement r = {op, function};

    run_alone(replace_function, &r);
    return was;
}
