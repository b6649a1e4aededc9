/* SPDX-License-Identifier: MIT */
/*
 * The CPU's registers on Xen PV. Where Xen offers a register by hypercall or in shared memory, the
 * op uses that. A privileged instruction faults at CPL 3, and Xen emulates it, which is slow; the
 * ops use one only where Xen has no other way: to read CR0 (once), to read and write CR4, MSRs and
 * I/O ports.
 */
#include "pv/ex_table.h"
#include "pv/native/native.h"
#include "pv/x86.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"

/* The bits of CR4 that Xen lets a PV guest change. */
#define GUEST_CR4 (CR4_TSD | CR4_DE | CR4_FSGSBASE | CR4_OSXSAVE)

/*
 * A copy of each CPU's CR0, because a read of the register would fault. Only TS changes: by
 * hypercall, and when Xen delivers #NM, which clears it. Per CPU: no other CPU reads it.
 */
static u64 cr0_copies[PV_CPUS_MAX];

static u64 *this_cr0(void)
{
    return &cr0_copies[pv_this_cpu()];
}

void xen_pv_cpu_init(void)
{
    *this_cr0() = native_read_cr0();
    xen_pv_set_iopl(0);
}

void xen_pv_note_nm_taken(void)
{
    *this_cr0() &= ~CR0_TS;
}

/*
 * XEN_CPUID is ud2, a signature and cpuid. Xen recognises it in its #UD handler and emulates the
 * cpuid, so that the guest reads Xen's view on CPUs, too, on which cpuid itself does not fault.
 */
void xen_pv_cpuid(u32 leaf, u32 subleaf, struct cpuid_regs *r)
{
    __asm__ volatile(XEN_CPUID
                     : "=a"(r->eax), "=b"(r->ebx), "=c"(r->ecx), "=d"(r->edx)
                     : "a"(leaf), "c"(subleaf));
}

/* Clear the features of paging and of the local APIC, which are Xen's whatever CPUID reports. */
void xen_pv_cpu_features(struct pv_features *f)
{
    read_cpu_features(f, xen_pv_cpuid);
    f->pse = f->gbpages = f->pge = false;
    f->smep = f->smap = f->umip = false;
    f->local_apic = f->x2apic = f->tsc_deadline = false;
}

u64 xen_pv_read_cr0(void)
{
    return *this_cr0();
}

void xen_pv_stts(void)
{
    xen_fpu_taskswitch(1);
    *this_cr0() |= CR0_TS;
}

void xen_pv_clts(void)
{
    xen_fpu_taskswitch(0);
    *this_cr0() &= ~CR0_TS;
}

u64 xen_pv_write_cr0(u64 value)
{
    const u64 refused = (value ^ *this_cr0()) & ~CR0_TS;

    if (refused)
        return value ^ *this_cr0();
    if (value & CR0_TS)
        xen_pv_stts();
    else
        xen_pv_clts();
    return 0;
}

/* Xen ignores a change of the bits that are not ours, so refuse such a change here. */
u64 xen_pv_write_cr4(u64 value)
{
    const u64 differing = value ^ native_read_cr4();

    if (differing & ~GUEST_CR4)
        return differing;
    __asm__ volatile("1: mov %0, %%cr4\n2:" EX_TABLE(1b, 2b) : : "r"(value) : "memory");
    return native_read_cr4() ^ value;
}

u64 xen_pv_read_cr2(void)
{
    return xen_vcpu_info()->arch.cr2;
}

void xen_pv_write_cr2(u64 value)
{
    xen_vcpu_info()->arch.cr2 = value;
}

static bool is_debugreg(u32 number)
{
    return number <= 3 || number == 6 || number == 7;
}

/* For another number Xen returns an error as the value, or the register that 4 or 5 aliases. */
u64 xen_pv_get_debugreg(u32 number)
{
    return is_debugreg(number) ? (u64)xen_get_debugreg(number) : 0;
}

int xen_pv_set_debugreg(u32 number, u64 value)
{
    if (!is_debugreg(number))
        return -EINVAL;
    if (number >= 6 && value >> 32)
        return -EINVAL;
    return xen_set_debugreg(number, value) ? -EINVAL : 0;
}

/* Segment bases are set by hypercall. To read one, a guest reads its MSR, which Xen emulates. */
static int set_segment_base(unsigned int which, u64 base)
{
    if (!IS_CANONICAL(base))
        return -EINVAL;
    return xen_set_segment_base(which, base) ? -EINVAL : 0;
}

int xen_pv_write_fs_base(u64 base)
{
    return set_segment_base(SEGBASE_FS, base);
}

int xen_pv_write_user_gs_base(u64 base)
{
    return set_segment_base(SEGBASE_GS_USER, base);
}

int xen_pv_write_kernel_gs_base(u64 base)
{
    return set_segment_base(SEGBASE_GS_KERNEL, base);
}

/* Xen loads null, and returns 0, for a selector that it cannot load. So compare %gs afterwards. */
int xen_pv_load_gs_index(u16 selector)
{
    u16 loaded;

    if (xen_set_segment_base(SEGBASE_GS_USER_SEL, selector))
        return -EINVAL;
    __asm__ volatile("mov %%gs, %0" : "=r"(loaded));
    return (loaded | 3) == (selector | 3) ? 0 : -EINVAL;
}

void xen_pv_wbinvd(void)
{
    xen_pv_mmuext(MMUEXT_FLUSH_CACHE, 0,
                  0); /* Xen refuses it in a domain without devices, which does not need it */
}

void xen_pv_halt(void)
{
    for (;;)
        xen_vcpu_op(VCPUOP_down, pv_this_cpu(), NULL);
}

const struct pv_cpu_ops xen_pv_cpu_ops = {
    .cpuid = xen_pv_cpuid,
    .cpu_features = xen_pv_cpu_features,
    .read_cr0 = xen_pv_read_cr0,
    .read_cr4 = native_read_cr4,
    .write_cr0 = xen_pv_write_cr0,
    .write_cr4 = xen_pv_write_cr4,
    .read_cr2 = xen_pv_read_cr2,
    .write_cr2 = xen_pv_write_cr2,
    .get_debugreg = xen_pv_get_debugreg,
    .set_debugreg = xen_pv_set_debugreg,
    .read_msr = native_read_msr,
    .write_msr = native_write_msr,
    .read_msr_safe = native_read_msr_safe,
    .write_msr_safe = native_write_msr_safe,
    .read_tsc = native_read_tsc,
    .read_pmc = native_read_pmc,
    .stts = xen_pv_stts,
    .clts = xen_pv_clts,
    .halt = xen_pv_halt,
    .wbinvd = xen_pv_wbinvd,
    .port_in = native_port_in,
    .port_out = native_port_out,
    .io_delay = xen_nop,
    .load_gdt = xen_pv_load_gdt,
    .write_gdt_entry = xen_pv_write_gdt_entry,
    .load_ldt = xen_pv_load_ldt,
    .write_ldt_entry = xen_pv_write_ldt_entry,
    .load_tls = xen_pv_load_tls,
    .load_tr = xen_nop,
    .store_tr = xen_pv_store_tr,
    .load_idt = xen_pv_load_idt,
    .write_idt_entry = xen_pv_write_idt_entry,
    .read_fs_base = native_read_fs_base,
    .write_fs_base = xen_pv_write_fs_base,
    .read_user_gs_base = native_read_user_gs_base,
    .write_user_gs_base = xen_pv_write_user_gs_base,
    .write_kernel_gs_base = xen_pv_write_kernel_gs_base,
    .load_gs_index = xen_pv_load_gs_index,
    .load_sp0 = xen_pv_load_sp0,
    .set_iopl = xen_pv_set_iopl,
    .set_io_bitmap = xen_pv_set_io_bitmap,
    .syscall_init = xen_pv_syscall_init,
    .iret = xen_pv_iret,
    .sysret = xen_pv_sysret,
    .swapgs = xen_nop, /* Xen exchanges the bases when user mode is entered or left */
};
