/* SPDX-License-Identifier: MIT */
/* A CPU's own memory, its tables and its FPU (kernel/cpu.h). */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/frame.h"
#include "mm/vmap.h"
#include "pv/x86.h"

extern const char boot_stack[];

/* Per CPU: kernel/cpu.h names, for each field, the code that uses it. */
struct cpu cpus[PV_CPUS_MAX];

/* Per CPU: CPU 0's. Changed by write_gdt_entry and load_tls, with interrupts disabled. */
static u64 boot_gdt[GDT_MAX_COUNT] __aligned(PAGE_SIZE);

/* What each other CPU has in a block of frames: the direct map, because load_gdt requires that. */
struct cpu_block {
    u64 gdt[GDT_MAX_COUNT];
    u8 backend[PV_BACKEND_AREA_SIZE];
};
#define CPU_BLOCK_ORDER 2
_Static_assert(sizeof(struct cpu_block) == PAGE_SIZE << CPU_BLOCK_ORDER, "the block is filled");

void cpu_early(void)
{
    cpus[0].area.self = &cpus[0];
    cpus[0].area.stack_limit = (u64)boot_stack + STACK_RESERVE;
    cpus[0].thread = &boot_thread;
    cpus[0].gdt = boot_gdt;
}

static bool alloc_block(struct cpu *c)
{
    const pfn_t first = frame_alloc(CPU_BLOCK_ORDER, FRAME_ZEROED, FRAME_KERNEL);
    struct cpu_block *block;

    if (first.n == PFN_INVALID.n)
        return false;
    block = pfn_to_va(first);
    c->gdt = block->gdt;
    c->area.backend = block->backend;
    return true;
}

static bool alloc_exception_stacks(struct pv_cpu_start *start)
{
    for (u32 i = 0; i < PV_EXCEPTION_STACKS; i++) {
        start->exception_stacks[i] = vmalloc(PV_EXCEPTION_STACK_SIZE);
        if (!start->exception_stacks[i])
            return false;
    }
    return true;
}

int cpu_memory_alloc(struct cpu *c)
{
    if (c->gdt || (alloc_block(c) && alloc_exception_stacks(&c->start)))
        return 0;
    cpu_memory_free(c);
    return -ENOMEM;
}

void cpu_memory_free(struct cpu *c)
{
    for (u32 i = 0; i < PV_EXCEPTION_STACKS; i++) {
        vfree(c->start.exception_stacks[i]);
        c->start.exception_stacks[i] = NULL;
    }
    if (c->gdt)
        frame_free(va_to_pfn(c->gdt), CPU_BLOCK_ORDER);
    c->gdt = NULL;
    c->area.backend = NULL;
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
