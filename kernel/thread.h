/*
 * Kernel threads: each has a stack and runs on one CPU at a time. Every CPU lets its ready threads
 * run in turn, SLICE_NS each, and halts when it has none (kernel/sched.c). A thread that is not
 * bound to a CPU may go on at another whenever interrupts are enabled and it does not hold a
 * spinlock.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#define THREAD_STACK_SIZE 0x4000
#define THREAD_STACK_STRIDE \
    (THREAD_STACK_SIZE + 4096) /* with its guard page, which comes first \
                                */
#define THREADS_MAX 128        /* those that idle included */

#ifndef __ASSEMBLY__
#include "kernel/cpu.h"
#include "pv/spinlock.h"
#include "kernel/time.h"

/*
 * What must be left when a function is entered: its own frame (at most 1 KiB, -Wframe-larger-than),
 * and an exception frame with a stub's registers on top.
 */
#define STACK_RESERVE 2048

#define THREAD_NAME_MAX 16
#define THREAD_ANY_CPU  (~0u)

enum thread_state {
    THREAD_READY, /* running, or waiting for its turn */
    THREAD_BLOCKED,
    THREAD_DONE,
};

/* Threads that wait for something, the one that came first ahead. */
struct wait_queue {
    struct spinlock lock;
    struct thread *first;
};

struct mm_space;
struct user_state;

struct thread {
    u64 sp; /* where switch.S left its registers, while it does not run */
    u64 stack_limit;
    struct trap_handler *taker; /* kernel/trap.c: the innermost */
    /* If set, called when the thread has come onto a CPU, and before it goes off one. */
    void (*on_switch)(struct thread *thread, bool has_come);
    struct user_state *user;  /* kernel/user.c: it is in user mode, or on the way */
    struct mm_space *space;   /* while it does not run */
    u64 fs_base;              /* kernel/app.c: a program's thread-local storage */
    struct cpu *cpu;          /* whose queue: changes under its lock */
    struct cpu *home;         /* to which it is bound, or NULL */
    enum thread_state state;  /* changes under the lock of its CPU's queue */
    struct thread *next;      /* in a run queue */
    struct thread *next_wait; /* in a wait queue */
    char name[THREAD_NAME_MAX];
    void (*run)(void *arg);
    void *arg;
    u8 *stack;
    struct wait_queue joiners;
    u64 switches;              /* how often it was given a CPU */
    u8 fpu[512] __aligned(16); /* x87, MMX and SSE, as fxsave leaves them */
};

/* The thread that boots, and then runs the payload. It is bound to CPU 0. */
extern struct thread boot_thread;

/* Makes the boot CPU's scheduler work. */
void thread_init(void);

/*
 * Starts run(arg) in a new thread on a CPU, or with THREAD_ANY_CPU where there is room. Returns
 * NULL if that CPU is not up or is going down, or there are THREADS_MAX already. Every thread is to
 * be joined once.
 */
struct thread *thread_start(const char *name, u32 cpu, void (*run)(void *arg), void *arg);

/* Waits until it has returned, and frees it. Context: thread, no spinlock held. */
void thread_join(struct thread *thread);

/* Ends the calling thread; the same as a return from run. */
void thread_exit(void) __noreturn;

/* Lets another thread run, if one is ready. */
void thread_yield(void);

/* Binds the calling thread to a CPU that is up, and goes there. Returns 0 or -EINVAL. */
int thread_bind(u32 cpu);

/* Waits on a queue: as long as cond does not hold, which is looked at under the queue's lock. */
#define wait_until(queue, cond) \
    do { \
        u64 flags_ = spin_lock_irqsave(&(queue)->lock); \
        while (!(cond)) \
            flags_ = wait_on(queue, flags_); \
        spin_unlock_irqrestore(&(queue)->lock, flags_); \
    } while (0)

/* The queue's lock is held; it is left during the wait, and held again. */
u64 wait_on(struct wait_queue *queue, u64 flags);

/* Wakes the first, or all. The lock is held by the caller, who has just made the condition hold. */
void wake_one_locked(struct wait_queue *queue);
void wake_all_locked(struct wait_queue *queue);

/* A lock that is waited for asleep. Who comes first gets it first. */
struct mutex {
    struct wait_queue queue;
    struct thread *owner;
};
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/* sched.c, for thread.c, wait.c and the CPUs' own loops. */
bool sched_init_cpu(struct cpu *cpu); /* makes its idle thread; false: there is no room */
void sched_enqueue(struct thread *thread, struct cpu *cpu);
void sched_wake(struct thread *thread);
void sched_switch(void); /* interrupts disabled: runs whoever's turn it is */
void sched_idle_loop(void) __noreturn;
void sched_on_reschedule(void);
void sched_on_interrupts_done(struct trap_frame *frame);
void sched_on_unlock(void);
void sched_leave_cpu(void); /* moves all ready threads that are not bound to other CPUs */
/* Its first act is first(thread), on its own stack; interrupts are disabled, sched_arrive is due.
 */
struct thread *thread_new(const char *name, void (*first)(struct thread *thread));
void thread_free(struct thread *thread);

/* switch.S: saves this thread's registers at *old_sp and takes up those at new_sp. */
struct switch_frame {
    u64 r15, r14, r13, r12, rbp, rbx;
    u64 rip;
};
void thread_switch(u64 *old_sp, u64 new_sp, u8 *old_fpu, const u8 *new_fpu);
void thread_first(void);
void sched_arrive(void); /* the first act of a thread that comes onto a CPU, on its own stack */
#endif

#endif
