/*
 * Native exceptions and interrupts (Intel SDM vol. 3, chapter 6). The IDT's 256 gates lead to the
 * stubs of their vectors (pv/entry/vector_stubs.S), these to entry.S, and that to native_vector,
 * which decides by the vector who handles it:
 *
 * - NMI and #DB have handlers of their own.
 * - A vector with an owner is an interrupt: a line, an IPI, the timer, Xen's event upcall.
 * - A vector without an owner that is in service in the local APIC is an unclaimed interrupt: it is
 *   ended and reported (unclaimed.c). The local APIC accepts vectors from 16 on, so this is tested
 *   for exceptions, too.
 * - Other vectors below 32 are exceptions, and those that write_idt_entry opened are int.
 * - The rest are spurious interrupts.
 *
 * #DB, NMI, #DF and #MC have stacks of their own, because they can be delivered where rsp is not a
 * valid kernel stack (entry.S).
 */
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/selectors.h"
#include "pv/x86.h"

enum {
    GATE_INTERRUPT = 0x8e, /* present, DPL 0, 64-bit interrupt gate */
    GATE_DPL_SHIFT = 5,

    NR_EXCEPTIONS = 32,
    NR_VECTORS = 256,
};

struct gate {
    u16 offset_low;
    u16 selector;
    u8 ist;
    u8 type;
    u16 offset_middle;
    u32 offset_high;
    u32 reserved;
};

/* The kernel's %gs base is on top, where entry.S reads it. */
struct exception_stack {
    u8 space[PV_EXCEPTION_STACK_SIZE - 16];
    u64 kernel_gs_base;
    u64 unused;
};

/* CPU 0's are in the image. */
struct boot_exception_stack {
    u8 guard[PAGE_SIZE];
    struct exception_stack stack;
} __aligned(PAGE_SIZE);

/* entry.S: where the stubs lead. */
extern const u8 native_exception[], native_exception_own_stack[];

/* Called by entry.S. */
void native_vector(struct trap_frame *frame);
void native_syscall(struct trap_frame *frame);

/*
 * Atomic: all is written at boot on one CPU; later write_idt_entry stores one byte of a gate, the
 * one with its DPL. Other CPUs share the table.
 */
static struct gate idt[NR_VECTORS] __aligned(16);
/* Per CPU: CPU 0's. Below each stack is a page that mm/ leaves unmapped. */
static struct boot_exception_stack boot_exception_stacks[PV_EXCEPTION_STACKS];
static u64 early_gdt[GDT_MIN_COUNT] __aligned(PAGE_SIZE);

/* Aligned to 8, as the others: the section has no gaps, and gcc would align this one to 16. */
static const struct pv_guards guards __section(".guards") __used __aligned(8) = {
    .first = (u64)boot_exception_stacks,
    .stride = sizeof(boot_exception_stacks[0]),
    .count = PV_EXCEPTION_STACKS,
};

/*
 * The owner of each vector from 32 on, or NULL. Atomic: each is stored before its vector is used,
 * and each CPU that starts stores the same again.
 */
static void (*owners[NR_VECTORS])(struct trap_frame *frame);

void native_set_vector_handler(u8 vector, void (*owner)(struct trap_frame *frame))
{
    WRITE_ONCE(owners[vector], owner);
}

/*
 * Return true if the #DB is a single step of user mode's that reaches into a system call's entry.
 *
 * User mode may set TF and make a system call. SYSENTER leaves TF set (Intel SDM vol. 2), so #DB
 * follows each instruction of its entry until the flags are saved. SYSCALL clears TF by SFMASK, but
 * Bochs raises #DB after it all the same. The kernel did not ask for these steps, so they are
 * dropped; the flags of the system call's frame show TF, on every CPU. A breakpoint at the same
 * instruction raises #DB again after this one has returned.
 */
static bool end_user_step(struct trap_frame *frame)
{
    const u8 *const rip = (const u8 *)frame->rip;
    const bool in_sysenter = rip >= native_sysenter_entry && rip <= native_sysenter_flags_saved;
    u64 dr6;

    if (!in_sysenter && rip != native_syscall_entry && rip != native_syscall32_entry)
        return false;
    dr6 = native_get_debugreg(6);
    if (!(dr6 & DR6_SINGLE_STEP))
        return false;
    native_set_debugreg(6, dr6 & ~DR6_SINGLE_STEP);
    if (rip == native_sysenter_flags_saved)
        frame->rflags &= ~RFLAGS_TF;
    return true;
}

/* Turn breakpoints off in the meantime: #DB has one stack, on which a second one would overwrite
 * this. */
static void handle_debug(struct trap_frame *frame)
{
    __asm__ volatile("mov %0, %%dr7" : : "r"(DR7_FIXED));
    if (!end_user_step(frame))
        pv_callbacks->exception(frame, 0);
    __asm__ volatile("mov %0, %%dr7" : : "r"(native_dr7[pv_this_cpu()] | DR7_FIXED));
}

/* An interrupt at the hlt of safe_halt ends it: continue after the hlt (entry.S). */
static void handle_interrupt(struct trap_frame *frame)
{
    if (frame->rip == (u64)native_hlt)
        frame->rip++;
    owners[frame->vector](frame);
    pv_callbacks->interrupts_done(frame);
}

/* Return true if user mode can raise the vector by int. */
static bool is_open_to_int(u8 vector)
{
    return idt[vector].type >> GATE_DPL_SHIFT & 3;
}

void native_vector(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_NMI)
        pv_callbacks->nmi(frame);
    else if (frame->vector == VECTOR_DB)
        handle_debug(frame);
    else if (owners[frame->vector])
        handle_interrupt(frame);
    else if (native_end_unclaimed((u8)frame->vector))
        return;
    else if (frame->vector < NR_EXCEPTIONS || is_open_to_int((u8)frame->vector))
        pv_callbacks->exception(frame, frame->vector == VECTOR_PF ? read_cr2() : 0);
    else
        native_end_spurious((u8)frame->vector);
}

void native_syscall(struct trap_frame *frame)
{
    pv_callbacks->syscall(frame);
}

static void set_gate(u32 vector, u8 dpl)
{
    static const u8 own_stack[PV_EXCEPTION_STACKS] = {VECTOR_DB, VECTOR_NMI, VECTOR_DF, VECTOR_MC};
    const u64 offset = (u64)pv_vector_stubs[vector];
    u8 ist = PV_EXCEPTION_STACKS; /* counted from 1 */

    while (ist && own_stack[ist - 1] != vector)
        ist--;
    idt[vector] = (struct gate){
        .offset_low = (u16)offset,
        .selector = KERNEL_CS,
        .ist = ist,
        .type = (u8)(GATE_INTERRUPT | dpl << GATE_DPL_SHIFT),
        .offset_middle = (u16)(offset >> 16),
        .offset_high = (u32)(offset >> 32),
    };
}

int native_write_idt_entry(u8 vector, u8 dpl)
{
    if (dpl != 0 && dpl != 3)
        return -EINVAL;
    if (dpl == 3 && owners[vector])
        return -EBUSY;
    WRITE_ONCE(idt[vector].type, (u8)(GATE_INTERRUPT | dpl << GATE_DPL_SHIFT));
    return 0;
}

void native_load_idt(void)
{
    const struct descriptor_pointer pointer = {sizeof(idt) - 1, (u64)idt};

    __asm__ volatile("lidt %0" : : "m"(pointer));
}

int native_write_kernel_gs_base(u64 base)
{
    if (!IS_CANONICAL(base) || native_write_msr_safe(MSR_GS_BASE, base))
        return -EINVAL;
    native_write_stack_tops(base);
    return 0;
}

static void set_stack(u32 cpu, u32 i, struct exception_stack *stack)
{
    native_set_ist(cpu, i, &stack->kernel_gs_base);
}

__noinline void native_set_exception_stacks(u32 cpu, const struct pv_cpu_start *start)
{
    for (u32 i = 0; i < PV_EXCEPTION_STACKS; i++)
        set_stack(cpu, i, start->exception_stacks[i]);
}

/* Called again when another backend is forced. */
void native_trap_init(void)
{
    pv_vector_entry = native_exception;
    pv_vector_entry_isolated = native_exception_own_stack;
    for (u32 i = 0; i < PV_EXCEPTION_STACKS; i++)
        set_stack(0, i, &boot_exception_stacks[i].stack);
    native_load_gdt(early_gdt, GDT_MIN_COUNT);
    native_load_tr();
    native_write_kernel_gs_base((u64)pv_this_area());
    for (u32 vector = 0; vector < NR_VECTORS; vector++)
        set_gate(vector, vector == VECTOR_BP || vector == VECTOR_OF ? 3 : 0);
    native_load_idt();
}
