/* The FPU and SSE: for programs. The kernel itself uses general registers only. */
#ifndef KERNEL_FPU_H
#define KERNEL_FPU_H

/* Makes SSE and x87 instructions work, in the state that a C program expects. Ends the run if the
 * platform refuses. */
void fpu_init(void);

#endif
