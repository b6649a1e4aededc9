/* SPDX-License-Identifier: MIT */
/* How a CPU starts (op cpu_up). */
#ifndef PV_CPU_START_H
#define PV_CPU_START_H

#include "pv/cpu_area.h"

#define PV_EXCEPTION_STACKS     4
#define PV_EXCEPTION_STACK_SIZE 8192

/*
 * What a backend keeps for each CPU and is large: its area->backend. The kernel allocates it before
 * the CPU's first start, page-aligned and zero, and it stays with the CPU. CPU 0 has none at its
 * start; the backend sets area->backend to memory of the image.
 */
#define PV_BACKEND_AREA_SIZE (3 * PAGE_SIZE)

struct pv_cpu_start {
    struct pv_cpu_area *area;
    u64 stack_top;
    void (*entry)(void); /* does not return */
    /* Stacks for exceptions that need one of their own, each with a guard page below it. */
    void *exception_stacks[PV_EXCEPTION_STACKS];
};

#endif
