/* See kernel/cpu.h. */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "pv/pv.h"
#include "pv/selectors.h"

u64 cpu_gdt[GDT_MAX_COUNT] __aligned(PAGE_SIZE);

void cpu_init(void)
{
    if (pv_load_gdt(cpu_gdt, GDT_MAX_COUNT))
        panic("the platform refuses the kernel's GDT");
    pv_load_tr();
    pv_load_idt();
    pv_syscall_init();
}
