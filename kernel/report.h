/* SPDX-License-Identifier: MIT */
/* Reports on the state of the machine while it runs (kernel/report.c). */
#ifndef KERNEL_REPORT_H
#define KERNEL_REPORT_H

#include "pv/trap_frame.h"

/*
 * Print what each online CPU executes: its thread, the instruction, and its callers. The others are
 * asked by NMI, so a CPU answers that has interrupts disabled, and continues. Context: any but NMI,
 * no lock held that the console needs.
 */
void report_cpus(void);

/* CPUs whose state was printed, since boot. */
extern u32 report_count;

/* Print how much memory there is and is free; and the interrupts that each CPU has had. */
void report_memory(void);
void report_interrupts(void);

/* Answer a CPU that reports. Return false if none has asked this CPU. Context: NMI. */
bool report_on_nmi(const struct trap_frame *frame);

/* Note the state of this CPU for the next report_cpus, which prints it in place of a later one. */
void report_note(const struct trap_frame *frame);

#endif
