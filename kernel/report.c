/* SPDX-License-Identifier: MIT */
/*
 * Reports on the state of the machine while it runs. The state of a CPU is what its NMI handler has
 * noted: registers, and the return addresses on the stack of the interrupted thread. So no CPU
 * reads the stack of a thread that runs elsewhere.
 */
#include "kernel/report.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/smp.h"
#include "kernel/symtab.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "lib/string.h"
#include "mm/frame.h"

#define CALLERS_MAX     12
#define ANSWER_NS       (100 * NS_PER_MS)
#define STACK_FRAME_LEN 16 /* the caller's rbp, and the return address */

/* Per CPU: written by its own NMI handler, between a request and the answer. */
static struct snapshot {
    bool wanted, taken; /* Atomic: flags that hand the rest over */
    u64 rip, rsp, rflags;
    char thread[THREAD_NAME_MAX];
    u64 callers[CALLERS_MAX];
    u32 nr_callers;
} snapshots[PV_CPUS_MAX];

u32 report_count; /* Atomic: a count, added to by atomic instructions */

/* Follow the chain of stack frames while it ascends within the thread's stack. */
static u32 note_callers(const struct thread *t, u64 rbp, u64 callers[CALLERS_MAX])
{
    const u64 low = t->stack_limit - STACK_RESERVE, high = low + THREAD_STACK_SIZE;
    u32 count = 0;

    while (count < CALLERS_MAX && rbp >= low && rbp <= high - STACK_FRAME_LEN && !(rbp % 8)) {
        const u64 *frame = (const u64 *)rbp;

        if (!frame[1])
            break;
        callers[count++] = frame[1] - 1;
        if (frame[0] <= rbp)
            break;
        rbp = frame[0];
    }
    return count;
}

void report_note(const struct trap_frame *frame)
{
    struct snapshot *s = &snapshots[pv_this_cpu()];
    const struct thread *t = this_thread();

    s->rip = frame->rip;
    s->rsp = frame->rsp;
    s->rflags = frame->rflags;
    memcpy(s->thread, t->name, sizeof(s->thread));
    s->nr_callers = from_user(frame) ? 0 : note_callers(t, frame->rbp, s->callers);
    __atomic_store_n(&s->taken, true, __ATOMIC_SEQ_CST);
}

bool report_on_nmi(const struct trap_frame *frame)
{
    struct snapshot *s = &snapshots[pv_this_cpu()];

    if (!__atomic_exchange_n(&s->wanted, false, __ATOMIC_SEQ_CST))
        return false;
    report_note(frame);
    return true;
}

static void print_address(u64 address)
{
    char name[SYMTAB_NAME_MAX];
    u64 offset;

    if (symtab_lookup(&kernel_symtab, address, name, &offset))
        print("#   %s+0x%llx\n", name, (unsigned long long)offset);
    else
        print("#   %016llx\n", (unsigned long long)address);
}

/* Ask the CPU, unless its state has been noted. Return whether it has answered. */
static bool snapshot_request(u32 cpu)
{
    struct time_limit limit = time_limit(ANSWER_NS);
    struct snapshot *s = &snapshots[cpu];

    if (__atomic_load_n(&s->taken, __ATOMIC_SEQ_CST))
        return true;
    __atomic_store_n(&s->wanted, true, __ATOMIC_SEQ_CST);
    if (pv_send_nmi(cpu))
        return false;
    while (!__atomic_load_n(&s->taken, __ATOMIC_SEQ_CST) && !time_limit_reached(&limit))
        __builtin_ia32_pause();
    __atomic_store_n(&s->wanted, false, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&s->taken, __ATOMIC_SEQ_CST);
}

static void report_cpu(u32 cpu)
{
    struct snapshot *s = &snapshots[cpu];

    if (!snapshot_request(cpu)) {
        print("# CPU %u: no answer to an NMI\n", cpu);
        return;
    }
    print("# CPU %u, thread %s: interrupts %s, rsp %016llx\n", cpu, s->thread,
          s->rflags & PV_FLAG_IF ? "enabled" : "disabled", (unsigned long long)s->rsp);
    print_address(s->rip);
    for (u32 i = 0; i < s->nr_callers; i++)
        print_address(s->callers[i]);
    __atomic_store_n(&s->taken, false, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&report_count, 1, __ATOMIC_SEQ_CST);
}

void report_cpus(void)
{
    /* Atomic: a flag; a second report at the same time is left out. */
    static bool busy;

    if (__atomic_exchange_n(&busy, true, __ATOMIC_SEQ_CST))
        return;
    for_each_online_cpu (c)
        report_cpu(c->area.number);
    __atomic_store_n(&busy, false, __ATOMIC_SEQ_CST);
}

void report_memory(void)
{
    print("# memory: %llu of %llu MiB free\n", (unsigned long long)(frames_free() >> 8),
          (unsigned long long)(frames_total() >> 8));
}

void report_interrupts(void)
{
    for_each_online_cpu (c)
        print("# CPU %u: %llu interrupts of lines, %llu of them without a handler, %llu of the "
              "timer, %llu IPIs\n",
              c->area.number, (unsigned long long)c->irqs.interrupts,
              (unsigned long long)c->irqs.unexpected, (unsigned long long)c->irqs.timers,
              (unsigned long long)c->irqs.ipis);
}
