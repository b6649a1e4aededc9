/* What each CPU has of its own, found by %gs; and its tables: descriptors, task state, system
 * calls. */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "pv/spinlock.h"
#include "kernel/time.h"
#include "pv/pv.h"
#include "pv/selectors.h"

struct thread;
struct call;
struct trap_handler;

/* Counted since boot. A line's interrupt that comes when nobody handles the line is unexpected. */
struct irq_counts {
    u64 interrupts, timers, ipis, unexpected;
};

struct cpu {
    struct pv_cpu_area area; /* first: what lies at %gs: */
    struct thread *thread;   /* the one that runs here */

    /* Interrupts (kernel/irq.c): the frame of the one that is handled, or NULL. */
    const struct trap_frame *irq_frame;
    struct trap_handler *hidden; /* the interrupted code's */
    struct irq_counts irqs;
    u32 in_nmi; /* NMI handlers that run here */

    /* kernel/time.c: the deadlines of this CPU, the next one first. */
    struct timer *timers;
    struct spinlock timer_lock;
    bool firing; /* due ones are fired: the timer is armed when that is done */

    /* kernel/sched.c: who is ready to run here, in turn; where the next one is put. */
    struct spinlock queue_lock;
    struct thread *first, **end;
    struct thread *idle; /* runs when nothing else does */
    struct timer slice;
    u32 bound; /* threads that run here only: while there are any, the CPU stays */

    /* kernel/smp.c, kernel/smp_call.c */
    bool online;
    bool closing;            /* smp_down waits: no thread may be bound to this CPU */
    bool start_wanted;       /* the CPU has been started and has not begun */
    void (*when_idle)(void); /* smp_down wants it of the idle thread; or NULL */
    u32 starts;              /* how often it came up */
    struct pv_cpu_start start;
    struct call *calls;
    u32 callers; /* who is about to add one */
    u64 calls_run;
    struct trap_frame stopped_frame; /* what it did when it was stopped */
    bool stopped;
} __aligned(CPU_AREA_SIZE);

extern struct cpu cpus[PV_CPUS_MAX];

/* CPUs that take threads and calls; CPU 0 from thread_init on. */
static inline bool cpu_is_online(const struct cpu *c)
{
    return __atomic_load_n(&c->online, __ATOMIC_SEQ_CST);
}

#define for_each_online_cpu(c) \
    for (struct cpu *c = cpus; c < cpus + PV_CPUS_MAX; c++) \
        if (cpu_is_online(c))

/*
 * The CPU that runs this: for code that stays on it (interrupts disabled, or the thread not to be
 * moved), and for looks that may be late.
 */
static inline struct cpu *this_cpu(void)
{
    return (struct cpu *)pv_this_area();
}

/* The thread that runs this: the same on whichever CPU it is, so one instruction has to read it. */
static inline struct thread *this_thread(void)
{
    struct thread *thread;

    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(thread) : "i"(offsetof(struct cpu, thread)));
    return thread;
}

/* The GDT in use here; entries from GDT_FIRST_FREE up are free for pv_write_gdt_entry. */
extern u64 cpu_gdts[PV_CPUS_MAX][GDT_MAX_COUNT];
#define cpu_gdt (cpu_gdts[pv_this_cpu()])

/* The counts of this CPU. */
#define irq_counts (this_cpu()->irqs)

/* The first CPU's part, before anything asks for it: %gs is set already, the rest is zero. */
void cpu_early(void);

/* Loads this CPU's tables. Context: interrupts disabled. */
void cpu_init(void);

/*
 * The FPU and SSE: for programs. The kernel itself uses general registers only. A thread's state is
 * what fxsave saves; so AVX, whose registers it does not save, stays off (CR4.OSXSAVE): an AVX
 * instruction is #UD.
 */
/* Makes SSE and x87 instructions work, in the state that a C program expects. Ends the run if the
 * platform refuses. */
void fpu_init(void);

#endif
