/* SPDX-License-Identifier: MIT */
/* A CPU's own tables and its FPU (kernel/cpu.h). */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "pv/x86.h"

extern const char boot_stack[];

/* Per CPU: kernel/cpu.h names, for each field, the code that uses it. */
struct cpu cpus[PV_CPUS_MAX];
/* Per CPU: changed by write_gdt_entry and load_tls, with interrupts disabled. */
u64 cpu_gdts[PV_CPUS_MAX][GDT_MAX_COUNT] __aligned(PAGE_SIZE);

void cpu_early(void)
{
    cpus[0].area.self = &cpus[0];
    cpus[0].area.stack_limit = (u64)boot_stack + STACK_RESERVE;
    cpus[0].thread = &boot_thread;
}

void cpu_init(void)
{
    pv_write_kernel_gs_base((u64)this_cpu());
    if (pv_load_gdt(cpu_gdt, GDT_MAX_COUNT))
        panic("CPU %u: the platform refuses the kernel's GDT", pv_this_cpu());
    pv_load_tr();
    pv_load_idt();
    pv_syscall_init();
}

/* Both ops return the bits that the platform has refused. */
void fpu_init(void)
{
    const u64 cr0 = (pv_read_cr0() | CR0_MP) & ~CR0_EM;
    const u64 cr4 = (pv_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT) & ~CR4_OSXSAVE;
    const u32 mxcsr = MXCSR_DEFAULT;

    if (pv_write_cr4(cr4) & (CR4_OSFXSR | CR4_OSXMMEXCPT))
        finish(VERDICT_ERROR, "the platform refuses SSE (CR4.OSFXSR, OSXMMEXCPT)");
    if (pv_write_cr0(cr0) & CR0_EM)
        finish(VERDICT_ERROR, "the platform refuses the FPU (CR0.EM)");
    pv_clts();
    __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}
