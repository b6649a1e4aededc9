/* See kernel/cpu.h. */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

extern const char boot_stack[];

/* Per CPU: kernel/cpu.h says of each field who else uses it, and how. */
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
        panic("the platform refuses the kernel's GDT");
    pv_load_tr();
    pv_load_idt();
    pv_syscall_init();
}

/* Intel SDM vol. 3, section 2.5. */
enum {
    CR0_MP = 1 << 1,
    CR0_EM = 1 << 2,
    CR4_OSFXSR = 1 << 9,
    CR4_OSXMMEXCPT = 1 << 10,
    CR4_OSXSAVE = 1 << 18,
};

#define MXCSR_DEFAULT 0x1f80 /* all exceptions masked, round to nearest */

void fpu_init(void)
{
    const u64 cr4 = (pv_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT) & ~(u64)CR4_OSXSAVE;
    const u32 mxcsr = MXCSR_DEFAULT;

    if (pv_write_cr4(cr4) & (CR4_OSFXSR | CR4_OSXMMEXCPT))
        finish(VERDICT_ERROR, "the platform refuses SSE (CR4.OSFXSR, OSXMMEXCPT)");
    if (pv_write_cr0((pv_read_cr0() | CR0_MP) & ~(u64)CR0_EM) & CR0_EM)
        finish(VERDICT_ERROR, "the platform refuses the FPU (CR0.EM)");
    pv_clts();
    __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}
