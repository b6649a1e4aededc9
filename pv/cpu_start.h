/* SPDX-License-Identifier: MIT */
/* How a CPU starts (op cpu_up). */
#ifndef PV_CPU_START_H
#define PV_CPU_START_H

#include "pv/cpu_area.h"

#define PV_EXCEPTION_STACKS     4
#define PV_EXCEPTION_STACK_SIZE 8192

struct pv_cpu_start {
    struct pv_cpu_area *area;
    u64 stack_top;
    void (*entry)(void); /* does not return */
    /* Stacks for exceptions that need one of their own, each with a guard page below it. */
    void *exception_stacks[PV_EXCEPTION_STACKS];
};

#endif
