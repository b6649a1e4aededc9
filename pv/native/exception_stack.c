/* SPDX-License-Identifier: MIT */
/*
 * The stacks of #DB, NMI, #DF and #MC, which can be delivered where rsp is not a valid kernel stack
 * (entry.S). The CPU switches to one by the IST of its task state segment (Intel SDM vol. 3,
 * section 6.14.5). Each has a guard page below it, and on top the kernel's %gs base, which entry.S
 * loads, because %gs may hold user mode's when such an exception is delivered.
 *
 * CPU 0's are in the image, for the time before memory management works. The kernel allocates those
 * of the others (struct pv_cpu_start).
 */
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/x86.h"

struct exception_stack {
    u8 space[PV_EXCEPTION_STACK_SIZE - 16];
    u64 kernel_gs_base;
    u64 unused;
};

struct boot_exception_stack {
    u8 guard[PAGE_SIZE];
    struct exception_stack stack;
} __aligned(PAGE_SIZE);

/* Per CPU: CPU 0's. */
static struct boot_exception_stack boot_exception_stacks[PV_EXCEPTION_STACKS];

/* Aligned to 8, as the others: the section has no gaps, and gcc would align this one to 16. */
static const struct pv_guards guards __section(".guards") __used __aligned(8) = {
    .first = (u64)boot_exception_stacks,
    .stride = sizeof(boot_exception_stacks[0]),
    .count = PV_EXCEPTION_STACKS,
};

static void set_stack(struct pv_cpu_area *area, u32 i, struct exception_stack *stack)
{
    native_set_ist(area, i, &stack->kernel_gs_base);
}

void native_use_boot_exception_stacks(void)
{
    for (u32 i = 0; i < PV_EXCEPTION_STACKS; i++)
        set_stack(pv_this_area(), i, &boot_exception_stacks[i].stack);
}

void native_set_exception_stacks(const struct pv_cpu_start *start)
{
    for (u32 i = 0; i < PV_EXCEPTION_STACKS; i++)
        set_stack(start->area, i, start->exception_stacks[i]);
}

int native_write_kernel_gs_base(u64 base)
{
    if (!IS_CANONICAL(base) || native_write_msr_safe(MSR_GS_BASE, base))
        return -EINVAL;
    native_write_stack_tops(base);
    return 0;
}
