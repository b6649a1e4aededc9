/* SPDX-License-Identifier: MIT */
/* Parts of kit_hypercall_regs, for run=replay, which does more before and after a call. */
#ifndef REPRO_KIT_CALL_H
#define REPRO_KIT_CALL_H

struct kit_regs;

/* call.S: call code, which ends by ret, with all registers as given, and store them as they are. */
void kit_call_regs(struct kit_regs *regs, const void *code);

/* cpu.c: return such code, which makes a hypercall in the way of this platform. */
const char *kit_hypercall_code(void);

#endif
