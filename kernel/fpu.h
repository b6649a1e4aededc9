/*
 * The FPU and SSE: for programs. The kernel itself uses general registers only. A thread's state is
 * what fxsave saves; so AVX, whose registers it does not save, stays off (CR4.OSXSAVE): an AVX
 * instruction is #UD.
 */
#ifndef KERNEL_FPU_H
#define KERNEL_FPU_H

/* Makes SSE and x87 instructions work, in the state that a C program expects. Ends the run if the
 * platform refuses. */
void fpu_init(void);

#endif
