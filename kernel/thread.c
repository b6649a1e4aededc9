/* See kernel/thread.h: how threads begin and end. */
#include "kernel/thread.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/stack.h"
#include "lib/string.h"
#include "mm/space.h"

/* What fninit and a reset leave: all exceptions masked (Intel SDM vol. 1, table 10-2, MXCSR). */
#define FXSAVE_FCW    0
#define FXSAVE_MXCSR  24
#define INITIAL_FCW   0x37f
#define INITIAL_MXCSR 0x1f80

extern u8 thread_stacks[THREADS_MAX][THREAD_STACK_STRIDE]; /* switch.S */
static struct thread threads[THREADS_MAX];
static struct spinlock threads_lock = SPINLOCK("threads");
static bool used[THREADS_MAX];

extern const char boot_stack[];

struct thread boot_thread = {
    .name = "boot",
    .stack_limit = (u64)boot_stack + STACK_RESERVE,
    .bound = true,
    .joiners = {.lock = SPINLOCK("joiners of boot")},
};

static void init_fpu(u8 *fpu)
{
    memset(fpu, 0, sizeof(((struct thread *)NULL)->fpu));
    *(u16 *)(void *)(fpu + FXSAVE_FCW) = INITIAL_FCW;
    *(u32 *)(void *)(fpu + FXSAVE_MXCSR) = INITIAL_MXCSR;
}

/* As thread_switch leaves a stack: six registers, of which rbx is the thread, and where to go. */
static void init_stack(struct thread *t)
{
    u64 *sp = (u64 *)(void *)(t->stack + THREAD_STACK_SIZE);

    *--sp = 0; /* ends the chain of frames, and keeps the alignment of a call */
    *--sp = 0;
    *--sp = (u64)thread_first;
    *--sp = 0; /* rbp */
    *--sp = (u64)t;
    for (int i = 0; i < 4; i++)
        *--sp = 0;
    t->sp = (u64)sp;
    t->stack_limit = (u64)t->stack + STACK_RESERVE;
}

struct thread *thread_new(const char *name, void (*run)(void *arg), void *arg)
{
    u64 flags = spin_lock_irqsave(&threads_lock);
    u32 i = 0;
    struct thread *t;

    while (i < THREADS_MAX && used[i])
        i++;
    if (i < THREADS_MAX)
        used[i] = true;
    spin_unlock_irqrestore(&threads_lock, flags);
    if (i == THREADS_MAX)
        return NULL;
    t = &threads[i];
    memset(t, 0, sizeof(*t));
    t->run = run;
    t->arg = arg;
    t->stack = thread_stacks[i] + PAGE_SIZE;
    t->space = &mm_kernel;
    t->joiners.lock = (struct spinlock)SPINLOCK("joiners");
    str_copy(t->name, name, sizeof(t->name));
    init_fpu(t->fpu);
    init_stack(t);
    return t;
}

void thread_free(struct thread *t)
{
    __atomic_store_n(&used[t - threads], false, __ATOMIC_RELEASE);
}

static void release_cpu(u32 cpu)
{
    __atomic_fetch_sub(&cpus[cpu].bound, 1, __ATOMIC_SEQ_CST);
}

/* A thread that is done is off its CPU when somebody else is seen there. */
void thread_exit(void)
{
    struct thread *t = this_thread();

    if (mm_space_activate(&mm_kernel))
        panic("thread %s cannot leave its address space", t->name);
    spin_lock_irqsave(&t->joiners.lock);
    if (t->bound)
        release_cpu(t->cpu);
    WRITE_ONCE(t->state, THREAD_DONE);
    wake_all_locked(&t->joiners);
    spin_unlock(&t->joiners.lock);
    sched_switch();
    panic("thread %s runs on after its end", t->name);
}

void thread_begin(struct thread *t)
{
    sched_arrive_first();
    t->run(t->arg);
    thread_exit();
}

/* Counted first and looked at after that: a CPU that goes down does it the other way round. */
static bool keep_cpu(u32 cpu)
{
    if (cpu >= PV_CPUS_MAX)
        return false;
    __atomic_fetch_add(&cpus[cpu].bound, 1, __ATOMIC_SEQ_CST);
    if (smp_is_online(cpu))
        return true;
    release_cpu(cpu);
    return false;
}

struct thread *thread_start(const char *name, u32 cpu, void (*run)(void *arg), void *arg)
{
    const bool bound = cpu != THREAD_ANY_CPU;
    struct thread *t;

    if (bound && !keep_cpu(cpu))
        return NULL;
    t = thread_new(name, run, arg);
    if (!t) {
        if (bound)
            release_cpu(cpu);
        return NULL;
    }
    t->bound = bound;
    sched_enqueue_new(t, t->bound ? cpu : pv_this_cpu());
    return t;
}

/* The switch away from it happens under the lock of its CPU's queue. */
static bool is_off_cpu(const struct thread *t)
{
    struct cpu *c = &cpus[READ_ONCE(t->cpu)];
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

/* Bound first, so that nobody else takes it; then it leaves its CPU by waiting in the other's
 * queue. */
int thread_bind(u32 cpu)
{
    struct thread *t = this_thread();

    if (t->bound || !keep_cpu(cpu))
        return -EINVAL;
    t->bound = true;
    while (pv_this_cpu() != cpu)
        sched_move_to(cpu);
    return 0;
}

static void idle(void *arg)
{
    (void)arg;
    sched_idle_loop();
}

void thread_init(void)
{
    struct thread *t = thread_new("idle", idle, NULL);

    sched_init_cpu(this_cpu(), t);
    cpus[0].online = true;
    cpus[0].bound = 1;
}
