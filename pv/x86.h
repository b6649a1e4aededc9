/* SPDX-License-Identifier: MIT */
/*
 * Bits of x86 registers by the manuals' names (Intel SDM vol. 3, chapter 2; vol. 4), for C and for
 * assembly.
 */
#ifndef PV_X86_H
#define PV_X86_H

#ifdef __ASSEMBLY__
#define X86_BIT(n) (1 << (n))
#else
#define X86_BIT(n) (1ull << (n))
#endif

#define CR0_PE X86_BIT(0)
#define CR0_MP X86_BIT(1)
#define CR0_EM X86_BIT(2)
#define CR0_TS X86_BIT(3)
#define CR0_ET X86_BIT(4)
#define CR0_NE X86_BIT(5)
#define CR0_WP X86_BIT(16)
#define CR0_PG X86_BIT(31)

#define CR4_VME        X86_BIT(0)
#define CR4_PVI        X86_BIT(1)
#define CR4_TSD        X86_BIT(2)
#define CR4_DE         X86_BIT(3)
#define CR4_PSE        X86_BIT(4)
#define CR4_PAE        X86_BIT(5)
#define CR4_MCE        X86_BIT(6)
#define CR4_PGE        X86_BIT(7)
#define CR4_PCE        X86_BIT(8)
#define CR4_OSFXSR     X86_BIT(9)
#define CR4_OSXMMEXCPT X86_BIT(10)
#define CR4_UMIP       X86_BIT(11)
#define CR4_FSGSBASE   X86_BIT(16)
#define CR4_OSXSAVE    X86_BIT(18)
#define CR4_SMEP       X86_BIT(20)
#define CR4_SMAP       X86_BIT(21)

#define MSR_SYSENTER_CS    0x174
#define MSR_SYSENTER_ESP   0x175
#define MSR_SYSENTER_EIP   0x176
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_SFMASK         0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

#define EFER_SCE  X86_BIT(0)
#define EFER_LME  X86_BIT(8)
#define EFER_NXE  X86_BIT(11)
#define EFER_SVME X86_BIT(12)

#define RFLAGS_CF    X86_BIT(0)
#define RFLAGS_FIXED X86_BIT(1) /* always set */
#define RFLAGS_TF    X86_BIT(8)
#define RFLAGS_IF    X86_BIT(9)
#define RFLAGS_DF    X86_BIT(10)
#define RFLAGS_IOPL  (X86_BIT(12) | X86_BIT(13))
#define RFLAGS_NT    X86_BIT(14)
#define RFLAGS_RF    X86_BIT(16)
#define RFLAGS_VM    X86_BIT(17)
#define RFLAGS_AC    X86_BIT(18)

#define DR6_SINGLE_STEP X86_BIT(14)
#define DR6_FIXED \
    0xffff0ff0ull /* bits that read as 1 (those of debug features that we leave alone) */
#define DR7_FIXED      X86_BIT(10)
#define DR7_ENABLE(n)  (1ull << (n)*2 | DR7_FIXED)
#define DR7_WRITE_8(n) (0x9ull << (16 + (n)*4))
#define DR7_EXECUTE(n) 0

/* The error code of a page fault (Intel SDM vol. 3, section 4.7; Linux's X86_PF_*). */
#define PF_PROT  X86_BIT(0) /* the page is present */
#define PF_WRITE X86_BIT(1)
#define PF_INSTR X86_BIT(4)

/* An address that the CPU accepts: bits 63 to 47 equal. */
#define IS_CANONICAL(address) ((s64)((u64)(address) << 16) >> 16 == (s64)(address))

#endif
