/*
 * Native exceptions and interrupts: a GDT, a TSS with a stack of its own for #DF, NMI and #MC, and
 * an IDT whose 256 gates lead to the stubs in entry.S (Intel SDM vol. 3, chapters 3, 6 and 7).
 * Vectors below 32 are exceptions; each of the others has an owner, or an interrupt that comes
 * there is counted and dropped.
 */
#include "pv/native/io.h"
#include "pv/native/native.h"

enum {
    KERNEL_CS = 0x08,
    KERNEL_DS = 0x10,
    TSS_SELECTOR = 0x30,

    GATE_INTERRUPT = 0x8e, /* present, DPL 0, 64-bit interrupt gate */

    NR_EXCEPTIONS = 32,
    NR_VECTORS = 256,
    VECTOR_NMI = 2,
    VECTOR_DF = 8,
    VECTOR_PF = 14,
    VECTOR_MC = 18,

    EXCEPTION_STACK_SIZE = 8192,
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

struct tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3;
    u16 io_bitmap;
} __packed;

/* entry.S: the addresses of the stubs, by vector. */
extern const u64 native_vector_stubs[NR_VECTORS];

/* Called by entry.S. */
void native_vector(struct trap_frame *frame);

static struct gate idt[NR_VECTORS] __aligned(16);
static struct tss tss;
static u8 exception_stacks[3][EXCEPTION_STACK_SIZE] __aligned(16);

static u64 gdt[] = {
    [KERNEL_CS / 8] = 0x00af9b000000ffff,
    [KERNEL_DS / 8] = 0x00cf93000000ffff,
    [TSS_SELECTOR / 8 + 1] = 0, /* a TSS descriptor takes two entries */
};

/* Who takes the interrupt at a vector, from vector 32 on. */
static void (*owners[NR_VECTORS])(struct trap_frame *frame);
u64 native_unclaimed_interrupts;

void native_own_vector(u8 vector, void (*owner)(struct trap_frame *frame))
{
    owners[vector] = owner;
}

void native_vector(struct trap_frame *frame)
{
    if (frame->vector < NR_EXCEPTIONS)
        pv_upcalls->exception(frame, frame->vector == VECTOR_PF ? read_cr2() : 0);
    else if (owners[frame->vector])
        owners[frame->vector](frame);
    else
        native_unclaimed_interrupts++;
}

static void set_gate(u32 vector, u8 ist)
{
    const u64 offset = native_vector_stubs[vector];

    idt[vector] = (struct gate){
        .offset_low = (u16)offset,
        .selector = KERNEL_CS,
        .ist = ist,
        .type = GATE_INTERRUPT,
        .offset_middle = (u16)(offset >> 16),
        .offset_high = (u32)(offset >> 32),
    };
}

static void load_gdt(void)
{
    const struct descriptor_pointer pointer = {sizeof(gdt) - 1, (u64)gdt};
    const u64 base = (u64)&tss, limit = sizeof(tss) - 1;

    gdt[TSS_SELECTOR / 8] = (limit & 0xffff) | (base & 0xffffff) << 16 | 0x89ull << 40 |
                            (limit >> 16) << 48 | (base >> 24 & 0xff) << 56;
    gdt[TSS_SELECTOR / 8 + 1] = base >> 32;

    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "mov %2, %%ds\n\t"
                     "mov %2, %%es\n\t"
                     "mov %2, %%ss\n\t"
                     "ltr %w3"
                     :
                     : "m"(pointer), "i"(KERNEL_CS), "r"((u32)KERNEL_DS), "r"(TSS_SELECTOR)
                     : "rax", "memory");
}

/* Called again when another backend is forced: a loaded TSS is busy, so its descriptor is built
 * anew. */
void native_trap_init(void)
{
    const struct descriptor_pointer pointer = {sizeof(idt) - 1, (u64)idt};

    for (u32 i = 0; i < ARRAY_SIZE(exception_stacks); i++)
        tss.ist[i] = (u64)exception_stacks[i] + EXCEPTION_STACK_SIZE;
    tss.io_bitmap = sizeof(tss);
    load_gdt();

    for (u32 vector = 0; vector < NR_VECTORS; vector++)
        set_gate(vector, 0);
    set_gate(VECTOR_DF, 1);
    set_gate(VECTOR_NMI, 2);
    set_gate(VECTOR_MC, 3);
    __asm__ volatile("lidt %0" : : "m"(pointer));
}
