/*
 * Class 2 of the native backend, part one: the CPU's registers. Each op is the instruction of its
 * name; what may fault does so under the exception table. Part two, the descriptors, is desc.c.
 */
#include "lib/format.h"
#include "pv/ex_table.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/x86.h"

/* What each CPU's dr7 is to be when #DB's handler, during which breakpoints are off, has returned.
 */
u64 native_dr7[PV_CPUS_MAX];

void native_cpuid(u32 leaf, u32 subleaf, struct cpuid_regs *regs)
{
    *regs = cpuid(leaf, subleaf);
}

static bool bit(u32 word, u32 number)
{
    return word >> number & 1;
}

/* The features as CPUID shows them, read by the given function: PV reads by another. */
void read_cpu_features(struct pv_features *f, void (*read)(u32, u32, struct cpuid_regs *))
{
    struct cpuid_regs max, r;

    *f = (struct pv_features){0};
    read(0, 0, &max);
    read(1, 0, &r);
    f->pse = bit(r.edx, 3);
    f->local_apic = bit(r.edx, 9);
    f->pge = bit(r.edx, 13);
    f->x2apic = bit(r.ecx, 21);
    f->tsc_deadline = bit(r.ecx, 24);
    f->xsave = bit(r.ecx, 26);
    f->rdrand = bit(r.ecx, 30);
    if (max.eax >= 7) {
        read(7, 0, &r);
        f->fsgsbase = bit(r.ebx, 0);
        f->smep = bit(r.ebx, 7);
        f->rdseed = bit(r.ebx, 18);
        f->smap = bit(r.ebx, 20);
        f->umip = bit(r.ecx, 2);
    }
    read(0x80000000, 0, &max);
    read(0x80000001, 0, &r);
    f->nx = bit(r.edx, 20);
    f->gbpages = bit(r.edx, 26);
    read(0, 0, &r);
    f->syscall32 = r.ecx == 0x444d4163; /* "cAMD": Intel's CPUs have sysenter there instead */
    if (max.eax >= 0x80000007) {
        read(0x80000007, 0, &r);
        f->invariant_tsc = bit(r.edx, 8);
    }
}

void native_cpu_features(struct pv_features *features)
{
    read_cpu_features(features, native_cpuid);
}

u64 native_read_cr0(void)
{
    u64 value;

    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

u64 native_read_cr3(void)
{
    u64 value;

    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

u64 native_read_cr4(void)
{
    u64 value;

    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

/* If the move faults, the register is as it was, and what differs was refused. */
u64 native_write_cr0(u64 value)
{
    __asm__ volatile("1: mov %0, %%cr0\n2:" EX_TABLE(1b, 2b) : : "r"(value) : "memory");
    return native_read_cr0() ^ value;
}

/*
 * The bits of CR4 that this CPU has, by its CPUID (Intel SDM vol. 3, section 2.5). Others are never
 * written: that is a fault on a CPU, and an endless loop in QEMU before 8.0 (docs/facts.md).
 */
static u64 cr4_bits(void)
{
    const struct cpuid_regs basic = cpuid(1, 0);
    struct pv_features f;
    u64 bits = CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE;

    native_cpu_features(&f);
    bits &= ~((bit(basic.edx, 7) ? 0 : CR4_MCE) | (f.pge ? 0 : CR4_PGE));
    bits |= bit(basic.edx, 1) ? CR4_VME | CR4_PVI : 0;
    bits |= bit(basic.edx, 24) ? CR4_OSFXSR : 0;
    bits |= bit(basic.edx, 25) ? CR4_OSXMMEXCPT : 0;
    bits |= f.umip ? CR4_UMIP : 0;
    bits |= f.fsgsbase ? CR4_FSGSBASE : 0;
    bits |= f.xsave ? CR4_OSXSAVE : 0;
    bits |= f.smep ? CR4_SMEP : 0;
    bits |= f.smap ? CR4_SMAP : 0;
    return bits;
}

u64 native_write_cr4(u64 value)
{
    const u64 old = native_read_cr4();

    if ((value ^ old) & ~cr4_bits())
        return value ^ old;
    __asm__ volatile("1: mov %0, %%cr4\n2:" EX_TABLE(1b, 2b) : : "r"(value) : "memory");
    return native_read_cr4() ^ value;
}

u64 native_read_cr2(void)
{
    return read_cr2();
}

void native_write_cr2(u64 value)
{
    __asm__ volatile("mov %0, %%cr2" : : "r"(value));
}

u64 native_get_debugreg(u32 number)
{
    u64 value = 0;

    switch (number) {
    case 0:
        __asm__ volatile("mov %%dr0, %0" : "=r"(value));
        break;
    case 1:
        __asm__ volatile("mov %%dr1, %0" : "=r"(value));
        break;
    case 2:
        __asm__ volatile("mov %%dr2, %0" : "=r"(value));
        break;
    case 3:
        __asm__ volatile("mov %%dr3, %0" : "=r"(value));
        break;
    case 6:
        __asm__ volatile("mov %%dr6, %0" : "=r"(value));
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
        __asm__ volatile("mov %0, %%dr0" : : "r"(value));
        return 0;
    case 1:
        __asm__ volatile("mov %0, %%dr1" : : "r"(value));
        return 0;
    case 2:
        __asm__ volatile("mov %0, %%dr2" : : "r"(value));
        return 0;
    case 3:
        __asm__ volatile("mov %0, %%dr3" : : "r"(value));
        return 0;
    case 6:
        __asm__ volatile("mov %0, %%dr6" : : "r"(value));
        return 0;
    case 7:
        native_dr7[pv_this_cpu()] = value;
        __asm__ volatile("mov %0, %%dr7" : : "r"(value));
        return 0;
    default:
        return -EINVAL;
    }
}

int native_read_msr_safe(u32 index, u64 *value)
{
    u32 low = 0, high = 0;
    int error = -EIO;

    __asm__ volatile("1: rdmsr\n\txorl %[error], %[error]\n2:" EX_TABLE(1b, 2b)
                     : "+a"(low), "+d"(high), [error] "+r"(error)
                     : "c"(index)
                     : "memory");
    *value = low | (u64)high << 32;
    return error;
}

int native_write_msr_safe(u32 index, u64 value)
{
    int error = -EIO;

    __asm__ volatile("1: wrmsr\n\txorl %[error], %[error]\n2:" EX_TABLE(1b, 2b)
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

    __asm__ volatile("1: rdpmc\n\txorl %[error], %[error]\n2:" EX_TABLE(1b, 2b)
                     : "+a"(low), "+d"(high), [error] "+r"(error)
                     : "c"(number));
    *value = low | (u64)high << 32;
    return error;
}

void native_set_fpu_trap(void)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(native_read_cr0() | CR0_TS) : "memory");
}

void native_clear_fpu_trap(void)
{
    __asm__ volatile("clts" : : : "memory");
}

void native_wbinvd(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

/* A port that Xen keeps from a PV guest raises #GP; natively nothing here faults. */
int native_port_in(u16 port, u32 width, u32 *value)
{
    int error = -EPERM;
    u32 v = ~0u;

    switch (width) {
    case 1:
        __asm__ volatile("1: inb %w2, %b0\n\txorl %1, %1\n2:" EX_TABLE(1b, 2b)
                         : "+a"(v), "+r"(error)
                         : "d"(port));
        v &= 0xff;
        break;
    case 2:
        __asm__ volatile("1: inw %w2, %w0\n\txorl %1, %1\n2:" EX_TABLE(1b, 2b)
                         : "+a"(v), "+r"(error)
                         : "d"(port));
        v &= 0xffff;
        break;
    case 4:
        __asm__ volatile("1: inl %w2, %0\n\txorl %1, %1\n2:" EX_TABLE(1b, 2b)
                         : "+a"(v), "+r"(error)
                         : "d"(port));
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
        __asm__ volatile("1: outb %b1, %w2\n\txorl %0, %0\n2:" EX_TABLE(1b, 2b)
                         : "+r"(error)
                         : "a"(value), "d"(port));
        break;
    case 2:
        __asm__ volatile("1: outw %w1, %w2\n\txorl %0, %0\n2:" EX_TABLE(1b, 2b)
                         : "+r"(error)
                         : "a"(value), "d"(port));
        break;
    case 4:
        __asm__ volatile("1: outl %1, %w2\n\txorl %0, %0\n2:" EX_TABLE(1b, 2b)
                         : "+r"(error)
                         : "a"(value), "d"(port));
        break;
    default:
        return -EINVAL;
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

/* Not instrumented: __fentry__ reads the stack's limit by %gs, which may be the user's here. */
__attribute__((no_instrument_function)) void native_swapgs(void)
{
    __asm__ volatile("swapgs" : : : "memory");
}

const struct pv_cpu_ops native_cpu_ops = {
    .cpuid = native_cpuid,
    .cpu_features = native_cpu_features,
    .read_cr0 = native_read_cr0,
    .read_cr4 = native_read_cr4,
    .write_cr0 = native_write_cr0,
    .write_cr4 = native_write_cr4,
    .read_cr2 = native_read_cr2,
    .write_cr2 = native_write_cr2,
    .get_debugreg = native_get_debugreg,
    .set_debugreg = native_set_debugreg,
    .read_msr = native_read_msr,
    .write_msr = native_write_msr,
    .read_msr_safe = native_read_msr_safe,
    .write_msr_safe = native_write_msr_safe,
    .read_tsc = native_read_tsc,
    .read_pmc = native_read_pmc,
    .set_fpu_trap = native_set_fpu_trap,
    .clear_fpu_trap = native_clear_fpu_trap,
    .halt = native_halt,
    .wbinvd = native_wbinvd,
    .port_in = native_port_in,
    .port_out = native_port_out,
    .io_delay = native_io_delay,
    .load_gdt = native_load_gdt,
    .write_gdt_entry = native_write_gdt_entry,
    .load_ldt = native_load_ldt,
    .write_ldt_entry = native_write_ldt_entry,
    .load_tls = native_load_tls,
    .load_tr = native_load_tr,
    .store_tr = native_store_tr,
    .load_idt = native_load_idt,
    .write_idt_entry = native_write_idt_entry,
    .read_fs_base = native_read_fs_base,
    .write_fs_base = native_write_fs_base,
    .read_user_gs_base = native_read_user_gs_base,
    .write_user_gs_base = native_write_user_gs_base,
    .write_kernel_gs_base = native_write_kernel_gs_base,
    .load_gs_index = native_load_gs_index,
    .load_sp0 = native_load_sp0,
    .set_iopl = native_set_iopl,
    .set_io_bitmap = native_set_io_bitmap,
    .syscall_init = native_syscall_init,
    .iret = native_iret,
    .sysret = native_sysret,
    .swapgs = native_swapgs,
};
