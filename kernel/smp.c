/* See kernel/smp.h: how CPUs come up, go down, and are stopped. */
#include "kernel/smp.h"
#include "kernel/console.h"
#include "kernel/fpu.h"
#include "kernel/panic.h"
#include "kernel/stack.h"
#include "kernel/thread.h"
#include "kernel/verdict.h"
#include "lib/string.h"
#include "mm/space.h"
#include "mm/vmap.h"

#define ANSWER_LIMIT_NS (10 * NS_PER_S) /* a CPU that has not come, or gone, by then will not */
#define STOP_LIMIT_NS   NS_PER_S
#define LOOK_NS         (50 * NS_PER_US)

u32 smp_online_count(void)
{
    u32 count = 0;

    for (u64 set = smp_online_set(); set; set &= set - 1)
        count++;
    return count;
}

u64 smp_online_set(void)
{
    u64 set = 0;

    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        set |= (u64)smp_is_online(cpu) << cpu;
    return set;
}

/* The first C function of every CPU but the first, on the stack of its idle thread. */
static void start_here(void)
{
    cpu_init();
    pv_cpu_enter();
    mm_cpu_enter();
    pv_setup_secondary_clock();
    fpu_init();
    this_cpu()->starts++;
    __atomic_store_n(&this_cpu()->online, true, __ATOMIC_SEQ_CST);
    sched_idle_loop();
}

static void idle(void *arg)
{
    (void)arg;
}

/* Its idle thread begins as if it had run already: on the stack that cpu_up is given. */
static int prepare(u32 cpu)
{
    struct cpu *c = &cpus[cpu];
    struct thread *t = c->idle ? c->idle : thread_new("idle", idle, NULL);

    if (!t)
        return -ENOSPC;
    for (u32 i = 0; i < PV_EXCEPTION_STACKS; i++) {
        if (!c->exception_stacks[i])
            c->exception_stacks[i] = vmalloc(PV_EXCEPTION_STACK_SIZE);
        if (!c->exception_stacks[i])
            return -ENOMEM;
    }
    c->area.self = c;
    c->area.number = cpu;
    c->area.stack_limit = t->stack_limit;
    c->thread = t;
    c->area.spinlocks = 0;
    sched_init_cpu(c, t);
    return 0;
}

int smp_up(u32 cpu)
{
    const u64 end = pv_clock_ns() + ANSWER_LIMIT_NS;
    struct pv_cpu_start start = {.entry = start_here};
    int error;

    if (!cpu || cpu >= MIN(pv_cpu_count(), PV_CPUS_MAX) || smp_is_online(cpu))
        return -EINVAL;
    error = prepare(cpu);
    if (error)
        return error;
    start.area = &cpus[cpu].area;
    memcpy(start.exception_stacks, cpus[cpu].exception_stacks, sizeof(start.exception_stacks));
    start.stack_top = (u64)cpus[cpu].idle->stack + THREAD_STACK_SIZE;
    error = pv_cpu_up(cpu, &start);
    while (!error && !smp_is_online(cpu)) {
        if (pv_clock_ns() > end)
            return -ETIME;
        sleep_until(pv_clock_ns() + LOOK_NS);
    }
    return error;
}

static void must_come(u32 cpu)
{
    const int error = smp_up(cpu);
    char name[32];

    pv_cpu_describe(cpu, name, sizeof(name));
    if (error == -ETIME)
        finish(VERDICT_FAIL, "CPU %u (%s) does not answer within %u s of its start", cpu, name,
               (u32)(ANSWER_LIMIT_NS / NS_PER_S));
    if (error)
        finish(VERDICT_FAIL, "CPU %u (%s) cannot be started: error %d", cpu, name, error);
}

static void leave_off(u32 count)
{
    char name[32];

    log_warn("this kernel uses %u CPUs of the %u that this machine lists; left off:", PV_CPUS_MAX,
             count);
    for (u32 cpu = PV_CPUS_MAX; cpu < count; cpu++) {
        pv_cpu_describe(cpu, name, sizeof(name));
        log_warn("  CPU %u (%s)", cpu, name);
    }
}

void smp_init(void)
{
    const u32 count = pv_cpu_count();
    const char *why_not;

    if (count == 1)
        return;
    why_not = pv_smp_prepare();
    if (why_not)
        finish(VERDICT_FAIL, "%u CPUs, of which one can be used: %s", count, why_not);
    for (u32 cpu = 1; cpu < MIN(count, PV_CPUS_MAX); cpu++)
        must_come(cpu);
    if (count > PV_CPUS_MAX)
        leave_off(count);
    log_info("CPUs: %u up", smp_online_count());
}

/*
 * The CPU is offline first, so that nobody binds a thread to it or calls it from then on
 * (smp_call_async, thread_start); whoever came before that is seen here. Once it is sure to go, it
 * does what callers have left, answers those who flush, and gives its threads away; then nothing
 * happens here that somebody waits for. Offline, it runs no thread but this.
 */
void smp_leave_if_asked(void)
{
    struct cpu *c = this_cpu();

    if (!READ_ONCE(c->down_asked))
        return;
    __atomic_store_n(&c->online, false, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&c->bound, __ATOMIC_SEQ_CST) ||
        !__atomic_exchange_n(&c->down_asked, false, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&c->online, true, __ATOMIC_SEQ_CST);
        __atomic_store_n(&c->down_asked, false, __ATOMIC_SEQ_CST);
        return;
    }
    while (__atomic_load_n(&c->callers, __ATOMIC_SEQ_CST))
        smp_on_call();
    smp_on_call();
    mm_cpu_leave();
    sched_leave_cpu();
    pv_cpu_leave();
}

/* The CPU answers by taking the wish back: then it is offline, and goes, or it has refused. */
int smp_down(u32 cpu)
{
    const u64 end = pv_clock_ns() + ANSWER_LIMIT_NS;
    int error;

    if (!cpu || cpu == pv_this_cpu() || !smp_is_online(cpu))
        return -EINVAL;
    __atomic_store_n(&cpus[cpu].down_asked, true, __ATOMIC_SEQ_CST);
    pv_send_ipi(cpu, PV_IPI_RESCHEDULE);
    while (READ_ONCE(cpus[cpu].down_asked) && pv_clock_ns() < end)
        sleep_until(pv_clock_ns() + LOOK_NS);
    if (__atomic_exchange_n(&cpus[cpu].down_asked, false, __ATOMIC_SEQ_CST))
        return -ETIME;
    if (smp_is_online(cpu))
        return -EBUSY;
    while (pv_cpu_is_up(cpu))
        sleep_until(pv_clock_ns() + LOOK_NS);
    error = pv_cpu_down(cpu);
    timers_take_over(cpu);
    return error;
}

/* Who stops the others; plus one. */
static u32 stopper;

bool smp_stop_nmi(const struct trap_frame *frame)
{
    const u32 by = __atomic_load_n(&stopper, __ATOMIC_SEQ_CST);

    if (!by || by - 1 == pv_this_cpu())
        return false;
    this_cpu()->stopped_frame = *frame;
    __atomic_store_n(&this_cpu()->stopped, true, __ATOMIC_SEQ_CST);
    pv_halt();
    return true;
}

static void wait_stopped(const struct cpu *c)
{
    const u64 end = pv_clock_ns() + STOP_LIMIT_NS;

    while (!__atomic_load_n(&c->stopped, __ATOMIC_SEQ_CST) && pv_clock_ns() < end)
        __builtin_ia32_pause();
}

bool smp_is_alone(void)
{
    return __atomic_load_n(&stopper, __ATOMIC_SEQ_CST) == pv_this_cpu() + 1;
}

void smp_stop_others(void)
{
    u32 nobody = 0;

    pv_irq_disable();
    __atomic_compare_exchange_n(&stopper, &nobody, pv_this_cpu() + 1, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    while (!smp_is_alone())
        barrier(); /* an NMI is on its way */
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (smp_is_online(cpu) && cpu != pv_this_cpu())
            pv_send_nmi(cpu);
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (smp_is_online(cpu) && cpu != pv_this_cpu()) {
            wait_stopped(&cpus[cpu]);
            pv_cpu_down(cpu);
        }
}

void smp_print_stopped(void)
{
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++) {
        const struct cpu *c = &cpus[cpu];

        if (!smp_is_online(cpu) || cpu == pv_this_cpu())
            continue;
        print("CPU %u%s%s:\n", cpu, c->stopped ? ", thread " : " does not answer to an NMI",
              c->stopped ? c->thread->name : "");
        if (c->stopped)
            backtrace_print(c->stopped_frame.rip, c->stopped_frame.rbp);
    }
}
