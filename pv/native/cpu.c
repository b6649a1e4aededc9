/* SPDX-License-Identifier: MIT */
/*
 * Native registers and ports (pv/ops/cpu.def). Each op is the instruction of its name. An
 * instruction that may fault has an entry in the exception table (pv/ex_table.h), by which the op
 * returns an error. Descriptor tables are in desc.c.
 */
#include "pv/ex_table.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/x86.h"

/*
 * Each CPU's dr7 as set_debugreg set it. The handler of #DB clears the register while it runs, and
 * restores it from here. Per CPU: no other CPU reads it.
 */
u64 native_dr7[PV_CPUS_MAX];

#define CPUID_EXTENDED 0x80000000
#define CPUID_AMD_ECX  0x444d4163 /* "cAMD", the end of the vendor's name */

void native_cpuid(u32 leaf, u32 subleaf, struct cpuid_regs *regs)
{
    *regs = cpuid(leaf, subleaf);
}

/*
 * Read the leaves by the given function, which PV replaces by its own. The first leaf of a range
 * returns the range's last leaf in eax; what CPUID returns above it is not defined.
 */
static void read_leaves(struct cpuid_leaves *l, void (*read)(u32, u32, struct cpuid_regs *))
{
    *l = (struct cpuid_leaves){0};
    read(0, 0, &l->leaf_0);
    if (l->leaf_0.eax >= 1)
        read(1, 0, &l->leaf_1);
    if (l->leaf_0.eax >= 7)
        read(7, 0, &l->leaf_7);
    read(CPUID_EXTENDED, 0, &l->ext_0);
    if (l->ext_0.eax >= CPUID_EXTENDED + 1)
        read(CPUID_EXTENDED + 1, 0, &l->ext_1);
    if (l->ext_0.eax >= CPUID_EXTENDED + 7)
        read(CPUID_EXTENDED + 7, 0, &l->ext_7);
}

static bool has_bit(u32 reg, u32 number)
{
    return reg >> number & 1;
}

void read_cpu_features(struct pv_features *f, void (*read)(u32, u32, struct cpuid_regs *))
{
    struct cpuid_leaves l;

    read_leaves(&l, read);
#define READ_FEATURE(name, leaf, reg, number) f->name = has_bit(l.leaf.reg, number);
    PV_FEATURES(READ_FEATURE)
#undef READ_FEATURE
    f->syscall32 = l.leaf_0.ecx == CPUID_AMD_ECX; /* Intel's have sysenter there instead */
}

void native_cpu_features(struct pv_features *features)
{
    read_cpu_features(features, native_cpuid);
}

u64 native_read_cr0(void)
{
    return read_cr0();
}

u64 native_read_cr2(void)
{
    return read_cr2();
}

void native_write_cr2(u64 value)
{
    write_cr2(value);
}

u64 native_read_cr4(void)
{
    return read_cr4();
}

void native_clts(void)
{
    __asm__ volatile("clts" : : : "memory");
}

void native_wbinvd(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

/*
 * The function does not check the stack at its entry as others do: the check reads the kernel's %gs
 * base, and a second swapgs is called with the other one.
 */
__attribute__((no_instrument_function)) void native_swapgs(void)
{
    __asm__ volatile("swapgs" : : : "memory");
}

/* Return the bits that the CPU refused. If the move faults, CR0 is unchanged: all that differ. */
u64 native_write_cr0(u64 value)
{
    __asm__ volatile("1: mov %0, %%cr0\n2:" EX_TABLE(1b, 2b) : : "r"(value) : "memory");
    return read_cr0() ^ value;
}

/* Each bit of CR4 that a feature allows, and the feature's bit in CPUID (see PV_FEATURES). */
#define CR4_FEATURES(X) \
    X(CR4_VME, leaf_1, edx, 1) \
    X(CR4_PVI, leaf_1, edx, 1) \
    X(CR4_TSD, leaf_1, edx, 4) \
    X(CR4_DE, leaf_1, edx, 2) \
    X(CR4_PSE, leaf_1, edx, 3) \
    X(CR4_PAE, leaf_1, edx, 6) \
    X(CR4_MCE, leaf_1, edx, 7) \
    X(CR4_PGE, leaf_1, edx, 13) \
    X(CR4_OSFXSR, leaf_1, edx, 24) \
    X(CR4_OSXMMEXCPT, leaf_1, edx, 25) \
    X(CR4_UMIP, leaf_7, ecx, 2) \
    X(CR4_FSGSBASE, leaf_7, ebx, 0) \
    X(CR4_OSXSAVE, leaf_1, ecx, 26) \
    X(CR4_SMEP, leaf_7, ebx, 7) \
    X(CR4_SMAP, leaf_7, ebx, 20)

/*
 * Return the bits of CR4 that this CPU has, by its CPUID (Intel SDM vol. 3, section 2.5). The
 * kernel never writes another one: that is a fault on a CPU, and an endless loop in QEMU before 8.0
 * (docs/facts.md).
 */
u64 native_cr4_bits(void)
{
    static u64 known; /* Atomic: stored once it is complete; every CPU computes the same */
    struct cpuid_leaves l;
    u64 bits = CR4_PCE; /* which has no bit in CPUID */

    if (READ_ONCE(known))
        return known;
    read_leaves(&l, native_cpuid);
#define ADD_BIT(cr4_bit, leaf, reg, number) bits |= has_bit(l.leaf.reg, number) ? (cr4_bit) : 0;
    CR4_FEATURES(ADD_BIT)
#undef ADD_BIT
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
    /* A non-canonical address never matches; a value above 32 bits for dr6 and dr7 faults. */
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

/* One instruction; error becomes 0 unless it faults. */
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

/* Check the base here, because an emulator may accept any (docs/facts.md). */
static int write_segment_base(u32 msr, u64 base)
{
    if (!IS_CANONICAL(base))
        return -EINVAL;
    return native_write_msr_safe(msr, base) ? -EINVAL : 0;
}

int native_write_fs_base(u64 base)
{
    return write_segment_base(MSR_FS_BASE, base);
}

/* While the kernel runs, MSR_GS_BASE holds its own base; swapgs exchanges it with the user's. */
u64 native_read_user_gs_base(void)
{
    return native_read_msr(MSR_KERNEL_GS_BASE);
}

int native_write_user_gs_base(u64 base)
{
    return write_segment_base(MSR_KERNEL_GS_BASE, base);
}

/*
 * The load changes the active base, which is the kernel's. One asm statement reads the new base and
 * restores the kernel's, because no function can be entered without it: each reads the stack's
 * limit by %gs. Some CPUs do not change the base for a null selector, so 0 is stored then.
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
