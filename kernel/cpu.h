/* SPDX-License-Identifier: MIT */
/*
 * What each CPU has of its own: struct cpu, found by %gs; its descriptor tables, task state and
 * system-call entries; its FPU.
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "kernel/time.h"
#include "pv/pv.h"
#include "pv/selectors.h"
#include "pv/spinlock.h"

/* Control words of the FPU and of SSE after a reset: all exceptions masked, round to nearest. */
#define FCW_DEFAULT   0x37f
#define MXCSR_DEFAULT 0x1f80

struct thread;
struct call;
struct trap_handler;

/* Counted since boot. An interrupt on a line without a handler is unexpected. */
struct irq_counts {
    u64 interrupts, timers, ipis, unexpected;
};

struct cpu {
    struct pv_cpu_area area; /* first: assembly and backends find it at %gs:0 */
    struct thread *thread;   /* that this CPU runs */
    u64 *gdt;                /* entries from GDT_FIRST_FREE up are free for pv_write_gdt_entry */

    /* kernel/irq.c: the frame of the interrupt that is being handled, or NULL. */
    const struct trap_frame *irq_frame;
    struct trap_handler *hidden_handler; /* the recovery points of the interrupted thread */
    struct irq_counts irqs;
    u32 in_nmi; /* NMI handlers that run here */

    /* kernel/time.c: this CPU's timers, sorted by deadline. */
    struct timer *timers;
    struct spinlock timer_lock;
    bool firing; /* timer_fire_due runs, and will arm the platform's timer */

    /* kernel/sched.c: the run queue, a list of ready threads, and its last link. */
    struct spinlock queue_lock;
    struct thread *first, **end;
    struct thread *idle; /* runs when the queue is empty */
    struct timer slice;
    struct timer interrupt_retry;
    u32 bound; /* threads bound to this CPU: while there are any, it stays online */

    /* kernel/smp.c, kernel/smp_call.c */
    bool online;
    bool closing;      /* smp_down is waiting: no thread may be bound to this CPU */
    bool start_wanted; /* smp_up has started the CPU, and it has not arrived */
    bool leave_wanted; /* smp_down asks the idle thread to take the CPU offline */
    bool keep_bound;   /* it may leave although threads are bound to it */
    u32 starts;        /* how often it came online */
    struct pv_cpu_start start;
    struct call *calls; /* that it is to run, the newest first */
    u32 callers;        /* CPUs that may be adding a call now */
    u64 calls_run;
    struct trap_frame stopped_frame; /* of the code that the stopping NMI interrupted */
    bool stopped;
} __aligned(CPU_AREA_SIZE);

extern struct cpu cpus[PV_CPUS_MAX];

/* An online CPU takes threads and calls; CPU 0 is online from thread_init on. */
static inline bool cpu_is_online(const struct cpu *c)
{
    return __atomic_load_n(&c->online, __ATOMIC_SEQ_CST);
}

#define for_each_online_cpu(c) \
    for (struct cpu *c = cpus; c < cpus + PV_CPUS_MAX; c++) \
        if (cpu_is_online(c))

/*
 * The CPU that runs this code. The result stays right while the thread cannot be moved: interrupts
 * are disabled, or the thread is bound. Elsewhere it may be out of date at once.
 */
static inline struct cpu *this_cpu(void)
{
    return container_of(pv_this_area(), struct cpu, area);
}

/* The calling thread. One instruction reads it, so a move to another CPU does not matter. */
static inline struct thread *this_thread(void)
{
    struct thread *thread;

    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(thread) : "i"(offsetof(struct cpu, thread)));
    return thread;
}

/* The GDT and the counts of this CPU. */
#define cpu_gdt    (this_cpu()->gdt)
#define irq_counts (this_cpu()->irqs)

/* Fill in CPU 0's struct, to which boot/ has set %gs. Context: before any other use. */
void cpu_early(void);

/*
 * Allocate what a CPU other than CPU 0 needs before its first start: GDT, the backend's memory,
 * exception stacks. Return 0, also for a CPU that has them, or -ENOMEM, with nothing allocated.
 * They stay with the CPU, because a CPU that starts late may still use them. Context: thread, no
 * spinlock held.
 */
int cpu_memory_alloc(struct cpu *c);

/* Free them. Context: as above; the CPU has not started, or has loaded other tables since. */
void cpu_memory_free(struct cpu *c);

/* Load this CPU's descriptor tables, and enable system calls. Context: interrupts disabled. */
void cpu_init(void);

/*
 * Enable the x87 FPU and SSE on this CPU, in the state that a C program expects; end the run if the
 * platform refuses. They are for programs: the kernel uses general registers only. A context switch
 * saves what fxsave saves, which does not include AVX registers, so AVX stays disabled (CR4.OSXSAVE
 * is clear, and an AVX instruction raises #UD).
 */
void fpu_init(void);

#endif
