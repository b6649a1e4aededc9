/*
 * What lies at the kernel's %gs base, one for each CPU: the part that assembly and backends know of
 * struct cpu (kernel/cpu.h), whose first member it is. %gs is valid from the first C function of
 * every CPU on, since __fentry__ reads the stack's limit by it.
 *
 * A thread may be moved to another CPU between any two instructions while interrupts are enabled:
 * so each function below is one instruction, and what it returns is only sure to hold with
 * interrupts disabled.
 */
#ifndef PV_CPU_AREA_H
#define PV_CPU_AREA_H

#include "lib/types.h"

/* As many CPUs as this kernel uses; a set of them is a u64. */
#define PV_CPUS_MAX 64

#define CPU_AREA_SIZE        128
#define CPU_AREA_SHARED_SIZE 64

struct pv_cpu_area {
    u64 sp0;         /* backend: the stack for entries from user mode */
    u64 user_sp;     /* backend: where a system call's entry puts the user's */
    void *self;      /* the address of this struct: an access by %gs does not return it */
    u64 stack_limit; /* kernel/thread.h */
    u32 number;      /* which CPU this is; 0 is the one that booted */
    u32 spinlocks;   /* held here: while there are any the thread is neither preempted nor moved */
    u64 user_iopl;
    u32 need_switch; /* kernel: it is another thread's turn */
    /* What the platform shares with this CPU: within a page, as the hypervisor wants it. */
    u8 shared[CPU_AREA_SHARED_SIZE] __aligned(CPU_AREA_SHARED_SIZE);
} __aligned(CPU_AREA_SIZE);

_Static_assert(sizeof(struct pv_cpu_area) == CPU_AREA_SIZE, "the area is one of its alignments");

/* The offset of a field from %gs, as an operand "i" of inline assembly. */
#define CPU_AREA(field) offsetof(struct pv_cpu_area, field)

static inline struct pv_cpu_area *pv_this_area(void)
{
    struct pv_cpu_area *self;

    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(self) : "i"(CPU_AREA(self)));
    return self;
}

/* The number of the CPU that runs this. */
static inline u32 pv_this_cpu(void)
{
    u32 number;

    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(number) : "i"(CPU_AREA(number)));
    return number;
}

/* One spinlock more or less is held here. True if none is left and it is another thread's turn. */
static inline bool pv_count_spinlock(s32 change)
{
    bool none;
    u32 due;

    __asm__ volatile("addl %1, %%gs:%c2"
                     : "=@ccz"(none)
                     : "r"(change), "i"(CPU_AREA(spinlocks))
                     : "memory");
    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(due) : "i"(CPU_AREA(need_switch)));
    return none && due;
}

#endif
