/* SPDX-License-Identifier: MIT */
/*
 * How threads begin and end. Threads and their stacks are two static arrays; the index of a thread
 * is that of its stack. A new thread's stack is prepared as if thread_switch had left it, so that
 * the first switch to the thread returns to thread_first (kernel/switch.S), which calls its first
 * function.
 */
#include "kernel/thread.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/space.h"

extern u8 thread_stacks[THREADS_MAX][THREAD_STACK_STRIDE]; /* switch.S */
/* Guarded by: used, which thread_new sets by an atomic exchange; then see kernel/thread.h. */
static struct thread threads[THREADS_MAX];
static bool used[THREADS_MAX];

/* Guarded by: the locks of kernel/thread.h; written before that at boot, on one CPU. */
struct thread boot_thread;

static void set_name(struct thread *t, const char *name)
{
    str_copy(t->name, name, sizeof(t->name));
    t->joiners.lock.name = "joiners";
}

/* The rest of the state that fninit and a reset leave is 0, as the whole thread is already. */
static void init_fpu(struct fxsave_area *fpu)
{
    fpu->fcw = FCW_DEFAULT;
    fpu->mxcsr = MXCSR_DEFAULT;
}

/*
 * Put the struct switch_frame there that thread_switch will load. The 16 bytes above it make %rsp a
 * multiple of 16 in thread_first, as the ABI requires before a call.
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
    init_fpu(&t->fpu);
    init_stack(t, thread_stacks[i] + PAGE_SIZE, first);
    return t;
}

void thread_free(struct thread *t)
{
    __atomic_store_n(&used[t - threads], false, __ATOMIC_RELEASE);
}

static void unbind_from(struct cpu *c)
{
    __atomic_fetch_sub(&c->bound, 1, __ATOMIC_SEQ_CST);
}

/*
 * The thread still runs on its stack after it has announced its end; thread_join waits until its
 * CPU runs another thread (is_off_cpu) before it frees the stack.
 */
void thread_exit(void)
{
    struct thread *t = this_thread();

    if (mm_space_activate(&mm_kernel))
        panic("thread %s ends, and the platform refuses the kernel's page tables", t->name);
    spin_lock_irqsave(&t->joiners.lock);
    if (t->home)
        unbind_from(t->home);
    WRITE_ONCE(t->state, THREAD_DONE);
    wake_all_locked(&t->joiners);
    spin_unlock(&t->joiners.lock);
    sched_switch();
    panic("thread %s was scheduled after its end", t->name);
}

static void thread_begin(struct thread *t)
{
    sched_arrive();
    pv_irq_enable();
    t->run(t->arg);
    thread_exit();
}

/*
 * Count a thread as bound to a CPU, which keeps the CPU online; return NULL if it is not online or
 * is going offline. Count first, test after that: smp_leave does the reverse (kernel/smp.c).
 */
static struct cpu *bind_to(u32 cpu)
{
    struct cpu *c = cpu < PV_CPUS_MAX ? &cpus[cpu] : NULL;

    if (!c)
        return NULL;
    __atomic_fetch_add(&c->bound, 1, __ATOMIC_SEQ_CST);
    if (cpu_is_online(c) && !__atomic_load_n(&c->closing, __ATOMIC_SEQ_CST))
        return c;
    unbind_from(c);
    return NULL;
}

struct thread *thread_start(const char *name, u32 cpu, void (*run)(void *arg), void *arg)
{
    struct cpu *home = bind_to(cpu);
    struct thread *t = NULL;

    if (home || cpu == THREAD_ANY_CPU)
        t = thread_new(name, thread_begin);
    if (t) {
        t->run = run;
        t->arg = arg;
        t->home = home;
        sched_enqueue(t, home ? home : this_cpu());
    } else if (home) {
        unbind_from(home);
    }
    return t;
}

/* A switch holds the queue's lock until the thread's registers are saved (kernel/sched.c). */
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

/* A thread migrates by sleeping: sched_wake() enqueues it on its home CPU. */
int thread_bind(u32 cpu)
{
    struct thread *t = this_thread();
    struct cpu *home = t->home ? NULL : bind_to(cpu);

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
