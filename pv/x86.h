/* Bits of x86 registers by the manuals' names (Intel SDM vol. 3, chapter 2; vol. 4). */
#ifndef PV_X86_H
#define PV_X86_H

#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)

#define CR4_VME        (1ull << 0)
#define CR4_PVI        (1ull << 1)
#define CR4_TSD        (1ull << 2)
#define CR4_DE         (1ull << 3)
#define CR4_PSE        (1ull << 4)
#define CR4_PAE        (1ull << 5)
#define CR4_MCE        (1ull << 6)
#define CR4_PGE        (1ull << 7)
#define CR4_PCE        (1ull << 8)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP       (1ull << 11)
#define CR4_FSGSBASE   (1ull << 16)
#define CR4_OSXSAVE    (1ull << 18)
#define CR4_SMEP       (1ull << 20)
#define CR4_SMAP       (1ull << 21)

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

#define EFER_SCE (1ull << 0)

#define RFLAGS_CF    (1ull << 0)
#define RFLAGS_FIXED (1ull << 1) /* always set */
#define RFLAGS_TF    (1ull << 8)
#define RFLAGS_IF    (1ull << 9)
#define RFLAGS_DF    (1ull << 10)
#define RFLAGS_IOPL  (3ull << 12)
#define RFLAGS_NT    (1ull << 14)
#define RFLAGS_RF    (1ull << 16)
#define RFLAGS_VM    (1ull << 17)
#define RFLAGS_AC    (1ull << 18)

#define DR6_SINGLE_STEP (1ull << 14)
#define DR6_FIXED \
    0xffff0ff0ull /* bits that read as 1 (those of debug features that we leave alone) */
#define DR7_FIXED      0x400ull
#define DR7_ENABLE(n)  (1ull << (n)*2 | DR7_FIXED)
#define DR7_WRITE_8(n) (0x9ull << (16 + (n)*4))
#define DR7_EXECUTE(n) 0

/* The error code of a page fault (Intel SDM vol. 3, section 4.7; Linux's X86_PF_*). */
#define PF_PROT  (1ull << 0) /* the page is present */
#define PF_WRITE (1ull << 1)
#define PF_INSTR (1ull << 4)

/* An address that the CPU accepts: bits 63 to 47 equal. */
#define IS_CANONICAL(address) ((s64)((u64)(address) << 16) >> 16 == (s64)(address))

#endif
