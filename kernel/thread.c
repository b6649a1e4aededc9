/* See kernel/thread.h: how threads begin and end. */
#include "kernel/thread.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/space.h"

/* What fninit and a reset leave: all exceptions masked (Intel SDM vol. 1, table 10-2, MXCSR). */
#define FXSAVE_FCW    0
#define FXSAVE_MXCSR  24
#define INITIAL_FCW   0x37f
#define INITIAL_MXCSR 0x1f80

extern u8 thread_stacks[THREADS_MAX][THREAD_STACK_STRIDE]; /* switch.S */
/* Guarded by: used, which thread_new takes by an atomic exchange; then see kernel/thread.h. */
static struct thread threads[THREADS_MAX];
static bool used[THREADS_MAX];

/* Guarded by: the locks of kernel/thread.h; written before that at boot, on one CPU. */
struct thread boot_thread;

static void set_name(struct thread *t, const char *name)
{
    str_copy(t->name, name, sizeof(t->name));
    t->joiners.lock.name = "joiners";
}

/* In a struct that is all zero. */
static void init_fpu(u8 *fpu)
{
    *(u16 *)(void *)(fpu + FXSAVE_FCW) = INITIAL_FCW;
    *(u32 *)(void *)(fpu + FXSAVE_MXCSR) = INITIAL_MXCSR;
}

/*
 * As thread_switch leaves a stack: it returns to thread_first. Above lies what keeps the alignment
 * of a call.
 */
static void init_stack(struct thread *t, u8 *stack, void (*first)(struct thread *t))
{
    struct switch_frame *frame =
        (struct switch_frame *)(void *)(stack + THREAD_STACK_SIZE - 16) - 1;

    frame->rbx = (u64)t;
    frame->r12 = (u64)first;
    frame->rip = (u64)thread_first;
    t->sp = (u64)frame;
    t->stack = stack;
    t->stack_limit = (u64)stack + STACK_RESERVE;
}

struct thread *thread_new(const char *name, void (*first)(struct thread *t))
{
    struct thread *t;
    u32 i = 0;

    while (__atomic_exchange_n(&used[i], true, __ATOMIC_ACQUIRE))
        if (++i == THREADS_MAX)
            return NULL;
    t = &threads[i];
    memset(t, 0, sizeof(*t));
    t->space = &mm_kernel;
    set_name(t, name);
    init_fpu(t->fpu);
    init_stack(t, thread_stacks[i] + PAGE_SIZE, first);
    return t;
}

void thread_free(struct thread *t)
{
    __atomic_store_n(&used[t - threads], false, __ATOMIC_RELEASE);
}

static void release_cpu(struct cpu *c)
{
    __atomic_fetch_sub(&c->bound, 1, __ATOMIC_SEQ_CST);
}

/* A thread that is done is off its CPU when somebody else is seen there. */
void thread_exit(void)
{
    struct thread *t = this_thread();

    if (mm_space_activate(&mm_kernel))
        panic("thread %s cannot leave its address space", t->name);
    spin_lock_irqsave(&t->joiners.lock);
    if (t->home)
        release_cpu(t->home);
    WRITE_ONCE(t->state, THREAD_DONE);
    wake_all_locked(&t->joiners);
    spin_unlock(&t->joiners.lock);
    sched_switch();
    panic("thread %s runs on after its end", t->name);
}

static void first(struct thread *t)
{
    sched_arrive();
    pv_irq_enable();
    t->run(t->arg);
    thread_exit();
}

/* Counted first and looked at after that: a CPU that goes down does it the other way round. */
static struct cpu *keep_cpu(u32 cpu)
{
    struct cpu *c = cpu < PV_CPUS_MAX ? &cpus[cpu] : NULL;

    if (!c)
        return NULL;
    __atomic_fetch_add(&c->bound, 1, __ATOMIC_SEQ_CST);
    if (cpu_is_online(c) && !__atomic_load_n(&c->closing, __ATOMIC_SEQ_CST))
        return c;
    release_cpu(c);
    return NULL;
}

struct thread *thread_start(const char *name, u32 cpu, void (*run)(void *arg), void *arg)
{
    struct cpu *home = keep_cpu(cpu);
    struct thread *t = NULL;

    if (home || cpu == THREAD_ANY_CPU)
        t = thread_new(name, first);
    if (t) {
        t->run = run;
        t->arg = arg;
        t->home = home;
        sched_enqueue(t, home ? home : this_cpu());
    } else if (home) {
        release_cpu(home);
    }
    return t;
}

/* The switch away from it happens under the lock of its CPU's queue. */
static bool is_off_cpu(const struct thread *t)
{
    struct cpu *c = READ_ONCE(t->cpu);
    const u64 flags = spin_lock_irqsave(&c->queue_lock);
    const bool off = c->thread != t;

    spin_unlock_irqrestore(&c->queue_lock, flags);
    return off;
}

void thread_join(struct thread *t)
{
    wait_until(&t->joiners, READ_ONCE(t->state) == THREAD_DONE);
    while (!is_off_cpu(t))
        thread_yield();
    thread_free(t);
}

/* It moves in its sleep: who is woken becomes ready at home. */
int thread_bind(u32 cpu)
{
    struct thread *t = this_thread();
    struct cpu *home = t->home ? NULL : keep_cpu(cpu);

    if (!home)
        return -EINVAL;
    t->home = home;
    while (pv_this_cpu() != cpu)
        sleep_until(pv_clock_ns() + NS_PER_MS);
    return 0;
}

void thread_init(void)
{
    struct cpu *c = this_cpu();
    struct thread *t = &boot_thread;

    set_name(t, "boot");
    t->stack_limit = c->area.stack_limit;
    t->home = c;
    t->cpu = c;
    sched_init_cpu(c);
    c->online = true;
    c->bound = 1;
}
