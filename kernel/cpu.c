/* See kernel/cpu.h. */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/stack.h"
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
