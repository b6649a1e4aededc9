/* SPDX-License-Identifier: MIT */
/*
 * Kernel threads, wait queues and mutexes. A thread has a stack and runs on one CPU at a time. Each
 * CPU runs its ready threads in turn, SLICE_NS each, and halts when it has none (kernel/sched.c). A
 * thread that is not bound to a CPU may be moved to another one whenever interrupts are enabled and
 * it does not hold a spinlock.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

/* A stack and the guard page below it. */
#define THREAD_STACK_SIZE   0x4000
#define THREAD_STACK_STRIDE (THREAD_STACK_SIZE + 4096)
#define THREADS_MAX         128 /* idle threads included */

#ifndef __ASSEMBLY__
#include "kernel/cpu.h"
#include "kernel/time.h"
#include "pv/spinlock.h"

/*
 * Bytes of stack that must be free at the entry of a function (kernel/stack_check.S): for its own
 * frame (at most 1 KiB, -Wframe-larger-than), and for a trap frame on top of it.
 */
#define STACK_RESERVE 2048

#define THREAD_NAME_MAX 16
#define THREAD_ANY_CPU  (~0u)

enum thread_state {
    THREAD_READY, /* running, or in a run queue */
    THREAD_BLOCKED,
    THREAD_DONE,
};

/* Waiting threads, linked by next_wait; the one that has waited longest is first. */
struct wait_queue {
    struct spinlock lock;
    struct thread *first;
};

/* What fxsave stores (Intel SDM vol. 1, table 10-2). */
struct fxsave_area {
    u16 fcw, fsw;
    u8 ftw, reserved;
    u16 fop;
    u64 fip, fdp;
    u32 mxcsr, mxcsr_mask;
    u8 registers[480];
} __aligned(16);

struct mm_space;
struct user_state;

/* While a thread is switched away from, sp, space and fpu hold what it will resume with. */
struct thread {
    u64 sp;                            /* at its struct switch_frame */
    u64 stack_limit;                   /* of kernel functions, below which too little is left */
    u64 program_stack_limit;           /* of a program's, on the same stack: higher, or 0 */
    struct trap_handler *trap_handler; /* kernel/trap.c: its innermost recovery point, or NULL */
    struct user_state *user;           /* kernel/user.c: its user_run in progress, or NULL */
    struct mm_space *space;
    u64 fs_base;                       /* kernel/app.c: base of thread-local storage, or 0 */
    struct {                           /* kernel/app_signal.c: a program's thread */
        u64 stack_limit;               /* of the thread's own stack */
        u64 program_stack_limit;       /* of that, too */
        u64 alternate, alternate_size; /* its alternate stack; size 0: it has none */
    } signal;
    bool interrupt_wanted;    /* it is to call program_traps->interrupt. Atomic */
    struct cpu *cpu;          /* whose run queue it belongs to; changes under that queue's lock */
    struct cpu *home;         /* to which it is bound, or NULL */
    enum thread_state state;  /* changes under the lock of its CPU's queue */
    struct thread *next;      /* in a run queue */
    struct thread *next_wait; /* in a wait queue */
    char name[THREAD_NAME_MAX];
    void (*run)(void *arg);
    void *arg;
    u8 *stack;
    struct wait_queue joiners;
    u64 switches;           /* how often a CPU has switched to it */
    struct fxsave_area fpu; /* x87, MMX and SSE registers */
};

/* The thread that boots the kernel and then runs the payload. It is bound to CPU 0. */
extern struct thread boot_thread;

/* Make the caller the boot thread: from here on it may sleep, and start threads. */
void thread_init(void);

/*
 * Start run(arg) in a new thread, bound to a CPU or, with THREAD_ANY_CPU, free to move. Return NULL
 * if that CPU is not online or is going offline, or if THREADS_MAX threads exist. Each thread must
 * be joined once.
 */
struct thread *thread_start(const char *name, u32 cpu, void (*run)(void *arg), void *arg);

/* Wait until the thread has ended, and free it. Context: thread, no spinlock held. */
void thread_join(struct thread *thread);

/* End the calling thread, as a return from run does. */
void thread_exit(void) __noreturn;

/* Let another thread run, if one is ready. */
void thread_yield(void);

/*
 * Bind the calling thread to a CPU, and return on that CPU. Return 0; or -EINVAL if the thread is
 * bound already, or the CPU is not online or is going offline.
 */
int thread_bind(u32 cpu);

/* Block until cond holds. cond is evaluated with the queue's lock held. */
#define wait_until(queue, cond) \
    do { \
        u64 flags_ = spin_lock_irqsave(&(queue)->lock); \
        while (!(cond)) \
            flags_ = wait_on(queue, flags_); \
        spin_unlock_irqrestore(&(queue)->lock, flags_); \
    } while (0)

/*
 * Block the caller, who holds the queue's lock, until it is woken. The lock is free in between.
 * flags is the interrupt state from before the lock; return it for the lock that is held again.
 */
u64 wait_on(struct wait_queue *queue, u64 flags);

/* Wake the first waiter, or all. The caller holds the lock, and has just made the condition hold.
 */
void wake_one_locked(struct wait_queue *queue);
void wake_all_locked(struct wait_queue *queue);

/* A lock whose waiters sleep. They get it in the order in which they came. */
struct mutex {
    struct wait_queue queue;
    struct thread *owner;
};
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

/* ---- kernel/sched.c, for thread.c, wait.c and the CPUs' own loops */

/* Set up a CPU's run queue and idle thread. Return false if THREADS_MAX threads exist. */
bool sched_init_cpu(struct cpu *cpu);

/* Make a thread ready: a new one on the CPU given, a blocked one where it ran last. */
void sched_enqueue(struct thread *thread, struct cpu *cpu);
void sched_wake(struct thread *thread);

/*
 * Set the thread's interrupt_wanted, and see to it that program_traps->interrupt is called for it
 * soon if it runs, or else when it runs again. Not for the calling thread.
 */
void sched_interrupt(struct thread *thread);

/* Run the next thread of this CPU. Return when the caller's turn comes again. Interrupts disabled.
 */
void sched_switch(void);

/* Finish a switch, on the new thread's stack: a new thread must call it first. */
void sched_arrive(void);

void sched_idle_loop(void) __noreturn;
void sched_on_reschedule(void);
void sched_on_interrupts_done(struct trap_frame *frame);
void sched_on_unlock(void);

/* Give this CPU's ready threads that are not bound to it to CPU 0. Interrupts disabled. */
void sched_leave_cpu(void);

/*
 * Make a thread that is not in a run queue yet. When it is first switched to, it calls first on its
 * own stack, with interrupts disabled; first must call sched_arrive. NULL: THREADS_MAX exist.
 */
struct thread *thread_new(const char *name, void (*first)(struct thread *thread));
void thread_free(struct thread *thread);

/* kernel/switch.S: save this thread's registers below *old_sp, and load those at new_sp. */
struct switch_frame {
    u64 r15, r14, r13, r12, rbp, rbx;
    u64 rip;
};
void thread_switch(u64 *old_sp, u64 new_sp, struct fxsave_area *old_fpu,
                   const struct fxsave_area *new_fpu);
void thread_first(void);
#endif

#endif
