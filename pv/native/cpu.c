/*
 * Native registers and instructions (pv/ops/cpu.def). Each op is the instruction of its name; one
 * that may fault has an entry in the exception table. desc.c has the rest of the class.
 */
#include "pv/ex_table.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/x86.h"

/*
 * What each CPU's dr7 is to be when #DB's handler, during which breakpoints are off, has returned.
 * Per CPU: no other CPU looks.
 */
u64 native_dr7[PV_CPUS_MAX];

void native_cpuid(u32 leaf, u32 subleaf, struct cpuid_regs *regs)
{
    *regs = cpuid(leaf, subleaf);
}

/* The leaves that are looked at, and a bit in one of their registers. */
static const u32 leaves[] = {0, 1, 7, 0x80000000, 0x80000001, 0x80000007};
enum { LEAF_0, LEAF_1, LEAF_7, LEAF_EXT, LEAF_EXT1, LEAF_EXT7, NR_LEAVES };
enum { EAX, EBX, ECX, EDX, NR_REGS };
struct cpuid_bit {
    u8 word, number;
};
#define BIT(leaf, reg, number) \
    { \
        LEAF_##leaf *NR_REGS + (reg), number \
    }

/* The first leaf of a range tells the last one; what lies beyond is 0. */
static void read_leaves(struct cpuid_regs *regs, void (*read)(u32, u32, struct cpuid_regs *))
{
    u32 last = 0;

    for (u32 i = 0; i < NR_LEAVES; i++) {
        const bool first = i == LEAF_0 || i == LEAF_EXT;

        if (first || leaves[i] <= last)
            read(leaves[i], 0, &regs[i]);
        else
            regs[i] = (struct cpuid_regs){0};
        if (first)
            last = regs[i].eax;
    }
}

static bool has(const struct cpuid_regs *regs, struct cpuid_bit bit)
{
    return ((const u32 *)regs)[bit.word] >> bit.number & 1;
}

/* The features as CPUID shows them, read by the given function: PV reads by another. */
void read_cpu_features(struct pv_features *f, void (*read)(u32, u32, struct cpuid_regs *))
{
    static const struct cpuid_bit bits[] = {
#define FEATURE_BIT(name, leaf, reg, bit) \
    [offsetof(struct pv_features, name)] = BIT(leaf, reg, bit),
        PV_FEATURES(FEATURE_BIT)
#undef FEATURE_BIT
    };
    struct cpuid_regs regs[NR_LEAVES];

    read_leaves(regs, read);
    for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
        ((bool *)f)[i] = has(regs, bits[i]);
    f->syscall32 = regs[LEAF_0].ecx == 0x444d4163; /* "cAMD": Intel's have sysenter there instead */
}

void native_cpu_features(struct pv_features *features)
{
    read_cpu_features(features, native_cpuid);
}

/* If the move faults, the register is as it was, and what differs was refused. */
u64 native_write_cr0(u64 value)
{
    __asm__ volatile("1: mov %0, %%cr0\n2:" EX_TABLE(1b, 2b) : : "r"(value) : "memory");
    return read_cr0() ^ value;
}

/*
 * The bits of CR4 that this CPU has, by its CPUID (Intel SDM vol. 3, section 2.5). Others are never
 * written: that is a fault on a CPU, and an endless loop in QEMU before 8.0 (docs/facts.md).
 */
u64 native_cr4_bits(void)
{
    static const struct cpuid_bit wants[] = {
#define CR4_BIT(name, leaf, reg, bit) [__builtin_ctzll(CR4_##name)] = BIT(leaf, reg, bit)
        CR4_BIT(VME, 1, EDX, 1),         CR4_BIT(PVI, 1, EDX, 1),  CR4_BIT(TSD, 1, EDX, 4),
        CR4_BIT(DE, 1, EDX, 2),          CR4_BIT(PSE, 1, EDX, 3),  CR4_BIT(PAE, 1, EDX, 6),
        CR4_BIT(MCE, 1, EDX, 7),         CR4_BIT(PGE, 1, EDX, 13), CR4_BIT(OSFXSR, 1, EDX, 24),
        CR4_BIT(OSXMMEXCPT, 1, EDX, 25), CR4_BIT(UMIP, 7, ECX, 2), CR4_BIT(FSGSBASE, 7, EBX, 0),
        CR4_BIT(OSXSAVE, 1, ECX, 26),    CR4_BIT(SMEP, 7, EBX, 7), CR4_BIT(SMAP, 7, EBX, 20),
#undef CR4_BIT
    };
    struct cpuid_regs regs[NR_LEAVES];
    static u64 known;   /* Atomic: stored once it is complete; every CPU computes the same */
    u64 bits = CR4_PCE; /* which no bit tells */

    if (READ_ONCE(known))
        return known;
    read_leaves(regs, native_cpuid);
    for (u32 i = 0; i < ARRAY_SIZE(wants); i++)
        if (wants[i].word && has(regs, wants[i]))
            bits |= 1ull << i;
    WRITE_ONCE(known, bits);
    return bits;
}

u64 native_write_cr4(u64 value)
{
    const u64 old = read_cr4();

    if ((value ^ old) & ~native_cr4_bits())
        return value ^ old;
    __asm__ volatile("1: mov %0, %%cr4\n2:" EX_TABLE(1b, 2b) : : "r"(value) : "memory");
    return read_cr4() ^ value;
}

#define READ_DR(n, value)  __asm__ volatile("mov %%dr" #n ", %0" : "=r"(value))
#define WRITE_DR(n, value) __asm__ volatile("mov %0, %%dr" #n : : "r"(value))

u64 native_get_debugreg(u32 number)
{
    u64 value = 0;

    switch (number) {
    case 0:
        READ_DR(0, value);
        break;
    case 1:
        READ_DR(1, value);
        break;
    case 2:
        READ_DR(2, value);
        break;
    case 3:
        READ_DR(3, value);
        break;
    case 6:
        READ_DR(6, value);
        break;
    case 7:
        value = native_dr7[pv_this_cpu()] | DR7_FIXED;
        break;
    }
    return value;
}

int native_set_debugreg(u32 number, u64 value)
{
    /* An address that is not canonical would never match; the upper half of dr6 and dr7 faults. */
    if (number <= 3 ? !IS_CANONICAL(value) : value >> 32 != 0)
        return -EINVAL;
    switch (number) {
    case 0:
        WRITE_DR(0, value);
        return 0;
    case 1:
        WRITE_DR(1, value);
        return 0;
    case 2:
        WRITE_DR(2, value);
        return 0;
    case 3:
        WRITE_DR(3, value);
        return 0;
    case 6:
        WRITE_DR(6, value);
        return 0;
    case 7:
        native_dr7[pv_this_cpu()] = value;
        WRITE_DR(7, value);
        return 0;
    }
    return -EINVAL;
}

/* One instruction, after which error is 0 unless it faulted. */
#define OR_ERROR(instruction) "1: " instruction "\n\txorl %[error], %[error]\n2:" EX_TABLE(1b, 2b)

int native_read_msr_safe(u32 index, u64 *value)
{
    u32 low = 0, high = 0;
    int error = -EIO;

    __asm__ volatile(OR_ERROR("rdmsr")
                     : "+a"(low), "+d"(high), [error] "+r"(error)
                     : "c"(index)
                     : "memory");
    *value = low | (u64)high << 32;
    return error;
}

int native_write_msr_safe(u32 index, u64 value)
{
    int error = -EIO;

    __asm__ volatile(OR_ERROR("wrmsr")
                     : [error] "+r"(error)
                     : "c"(index), "a"((u32)value), "d"((u32)(value >> 32))
                     : "memory");
    return error;
}

u64 native_read_msr(u32 index)
{
    u64 value;

    if (native_read_msr_safe(index, &value))
        pv_panic("read_msr", "no register %#x", index);
    return value;
}

void native_write_msr(u32 index, u64 value)
{
    if (native_write_msr_safe(index, value))
        pv_panic("write_msr", "no register %#x, or it refuses %#llx", index,
                 (unsigned long long)value);
}

int native_read_pmc(u32 number, u64 *value)
{
    u32 low = 0, high = 0;
    int error = -ENODEV;

    __asm__ volatile(OR_ERROR("rdpmc") : "+a"(low), "+d"(high), [error] "+r"(error) : "c"(number));
    *value = low | (u64)high << 32;
    return error;
}

void native_stts(void)
{
    write_cr0(read_cr0() | CR0_TS);
}

/* A port that Xen keeps from a PV guest raises #GP; natively nothing here faults. */
#define PORT_IN(reg) \
    __asm__ volatile(OR_ERROR("in %%dx, " reg) : "+a"(v), [error] "+r"(error) : "d"(port))
#define PORT_OUT(reg) \
    __asm__ volatile(OR_ERROR("out " reg ", %%dx") : [error] "+r"(error) : "a"(value), "d"(port))

int native_port_in(u16 port, u32 width, u32 *value)
{
    int error = -EPERM;
    u32 v = 0;

    switch (width) {
    case 1:
        PORT_IN("%%al");
        break;
    case 2:
        PORT_IN("%%ax");
        break;
    case 4:
        PORT_IN("%%eax");
        break;
    default:
        error = -EINVAL;
    }
    *value = error ? ~0u : v;
    return error;
}

int native_port_out(u16 port, u32 width, u32 value)
{
    int error = -EPERM;

    switch (width) {
    case 1:
        PORT_OUT("%%al");
        break;
    case 2:
        PORT_OUT("%%ax");
        break;
    case 4:
        PORT_OUT("%%eax");
        break;
    default:
        error = -EINVAL;
    }
    return error;
}

void native_io_delay(void)
{
    outb(0x80, 0); /* the power-on self-test's display: free on every PC */
}

u64 native_read_fs_base(void)
{
    return native_read_msr(MSR_FS_BASE);
}

/* Checked here, since an emulator may take any base (docs/facts.md). */
static int write_base(u32 msr, u64 base)
{
    if (!IS_CANONICAL(base))
        return -EINVAL;
    return native_write_msr_safe(msr, base) ? -EINVAL : 0;
}

int native_write_fs_base(u64 base)
{
    return write_base(MSR_FS_BASE, base);
}

/* While the kernel runs its own base is in MSR_GS_BASE, and the user's in the one swapgs exchanges
 * it with. */
u64 native_read_user_gs_base(void)
{
    return native_read_msr(MSR_KERNEL_GS_BASE);
}

int native_write_user_gs_base(u64 base)
{
    return write_base(MSR_KERNEL_GS_BASE, base);
}

/*
 * The load changes the base that is active, the kernel's: it is put back at once, for no function
 * can be entered without it, a fault's handler least of all. A null selector leaves the base alone
 * on some CPUs.
 */
int native_load_gs_index(u16 selector)
{
    u64 area = (u64)pv_this_area(), base;
    int error = -EINVAL;

    __asm__ volatile("1: movl %[selector], %%gs\n\t"
                     "xorl %[error], %[error]\n"
                     "2:\n\t" EX_TABLE(1b, 2b) "rdmsr\n\t"
                                               "shlq $32, %%rdx\n\t"
                                               "orq %%rdx, %%rax\n\t"
                                               "movq %%rax, %[base]\n\t"
                                               "movq %[area], %%rax\n\t"
                                               "movq %[area], %%rdx\n\t"
                                               "shrq $32, %%rdx\n\t"
                                               "wrmsr"
                     : [error] "+&r"(error), [base] "=&r"(base)
                     : [selector] "r"((u32)selector), [area] "r"(area), "c"(MSR_GS_BASE)
                     : "rax", "rdx", "memory");
    if (error)
        native_load_gs_index(0);
    else
        native_write_msr(MSR_KERNEL_GS_BASE, selector > 3 ? base : 0);
    return error;
}
