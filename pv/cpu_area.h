/* SPDX-License-Identifier: MIT */
/*
 * The per-CPU area at the kernel's %gs base. It is the first member of struct cpu (kernel/cpu.h),
 * and the part of it that assembly and backends use. %gs is valid before the first C function runs
 * on a CPU, because every function reads the stack's limit by it (kernel/stack_check.S).
 *
 * While interrupts are enabled a thread may be moved to another CPU between any two instructions.
 * So each access below is one instruction, and its result may be out of date at once unless
 * interrupts are disabled.
 */
#ifndef PV_CPU_AREA_H
#define PV_CPU_AREA_H

#include "lib/types.h"

/* The largest number of CPUs that this kernel uses. A set of CPUs is a u64. */
#define PV_CPUS_MAX 64

#define CPU_AREA_SIZE        128
#define CPU_AREA_SHARED_SIZE 64

struct pv_cpu_area {
    u64 sp0;         /* for the backend: the stack for entries from user mode */
    u64 user_sp;     /* for the backend: the user's stack pointer, during a system call's entry */
    void *self;      /* the address of this struct: an access by %gs does not return it */
    u64 stack_limit; /* kernel/thread.h; so is the next */
    u64 program_stack_limit;
    u32 number;    /* of this CPU; 0 is the one that booted */
    u32 spinlocks; /* how many this CPU holds: unless 0 its thread is neither preempted nor moved */
    u32 user_iopl; /* for the backend: the IOPL of user mode, as in RFLAGS */
    u32 need_switch; /* for the kernel: it is another thread's turn */
    void *backend;   /* for the backend: memory of its own for this CPU (pv/cpu_start.h) */
    /* Shared with the hypervisor (Xen: struct vcpu_info). Alignment keeps it within a page. */
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

/* Return the backend's memory of the CPU that runs this. */
static inline void *pv_this_backend_area(void)
{
    void *backend;

    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(backend) : "i"(CPU_AREA(backend)));
    return backend;
}

/* Return the number of the CPU that runs this. */
static inline u32 pv_this_cpu(void)
{
    u32 number;

    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(number) : "i"(CPU_AREA(number)));
    return number;
}

/*
 * Add change to the number of spinlocks that this CPU holds. Return true if it is 0 then, and
 * another thread's turn.
 */
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
