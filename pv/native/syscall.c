/* SPDX-License-Identifier: MIT */
/*
 * Native system calls: where syscall, from 64-bit and from compatibility mode, and sysenter enter
 * the kernel. Their entries are in entry.S, and end in native_syscall.
 */
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/selectors.h"
#include "pv/x86.h"

/* Called by entry.S. */
void native_syscall(struct trap_frame *frame);

/*
 * MSR_STAR holds the kernel's selector in bits 47:32 and the user's first in 63:48; syscall clears
 * the flags in MSR_SFMASK. On AMD's CPUs sysenter does not exist in long mode. Where an emulator
 * has it all the same (docs/facts.md), a null code segment makes it raise #GP.
 */
void native_syscall_init(void)
{
    struct pv_features f;

    pv_cpu_features(&f);
    native_write_msr(MSR_STAR, (u64)KERNEL_CS << 32 | (u64)USER_CS32 << 48);
    native_write_msr(MSR_LSTAR, (u64)native_syscall_entry);
    native_write_msr(MSR_CSTAR, (u64)native_syscall32_entry);
    native_write_msr(MSR_SFMASK,
                     RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_AC);
    native_write_msr(MSR_SYSENTER_CS, f.syscall32 ? 0 : KERNEL_CS);
    native_write_msr(MSR_SYSENTER_ESP, 0);
    native_write_msr(MSR_SYSENTER_EIP, (u64)native_sysenter_entry);
    native_write_msr(MSR_EFER, native_read_msr(MSR_EFER) | EFER_SCE);
}

/*
 * Return true if the #DB is a single step of user mode's that reaches into a system call's entry.
 *
 * User mode may set TF and make a system call. SYSENTER leaves TF set (Intel SDM vol. 2), so #DB
 * follows each instruction of its entry until the flags are saved. SYSCALL clears TF by SFMASK, but
 * Bochs raises #DB after it all the same. The kernel did not ask for these steps, so they are
 * dropped; the flags of the system call's frame show TF, on every CPU. A breakpoint at the same
 * instruction raises #DB again after this one has returned.
 */
bool native_end_user_step(struct trap_frame *frame)
{
    const u8 *const rip = (const u8 *)frame->rip;
    const bool in_sysenter = rip >= native_sysenter_entry && rip <= native_sysenter_flags_saved;
    u64 dr6;

    if (!in_sysenter && rip != native_syscall_entry && rip != native_syscall32_entry)
        return false;
    dr6 = native_get_debugreg(6);
    if (!(dr6 & DR6_SINGLE_STEP))
        return false;
    native_set_debugreg(6, dr6 & ~DR6_SINGLE_STEP);
    if (rip == native_sysenter_flags_saved)
        frame->rflags &= ~RFLAGS_TF;
    return true;
}

void native_syscall(struct trap_frame *frame)
{
    pv_callbacks->syscall(frame);
}
