/* SPDX-License-Identifier: MIT */
/* Hypercalls with every register, and code bytes in ring 0: see repro/kit.h. */
#include "repro/kit.h"
#include "kernel/cpu.h"
#include "lib/address_map.h"
#include "pv/record/record.h"
#include "pv/selectors.h"
#include "repro/kit/call.h"

#define COMPAT_ENTRY      (KIT_GDT_FREE + 8)
#define DESCRIPTOR_CODE32 0x00cf9b000000ffff /* flat, DPL 0 */
#define ENTRY_TABLE       0x03ull
#define ENTRY_LARGE       0x83ull
#define CR3_FRAME         0x000ffffffffff000ull

/* call.S */
extern const char kit_do_syscall[], kit_do_vmcall[], kit_do_vmmcall[], kit_compat_back[];
extern struct {
    u32 offset;
    u16 selector;
} __packed kit_compat_target;
void kit_call_compat(struct kit_regs *regs);

extern const u8 hypercall_page[];

/* Which of the three ways to make a hypercall did the hypervisor write into its page? */
const char *kit_hypercall_code(void)
{
    for (const u8 *p = hypercall_page; p < hypercall_page + 16; p++) {
        if (p[0] == 0x0f && p[1] == 0x05)
            return kit_do_syscall;
        if (p[0] == 0x0f && p[1] == 0x01 && p[2] == 0xc1)
            return kit_do_vmcall;
        if (p[0] == 0x0f && p[1] == 0x01 && p[2] == 0xd9)
            return kit_do_vmmcall;
    }
    cannot_tell("there is no hypervisor that takes hypercalls");
}

void kit_hypercall_insn(u8 insn[3])
{
    const char *code = kit_hypercall_code();

    memcpy(insn, code, 3);
    if (code == kit_do_syscall)
        insn[2] = 0x90;
}

_Static_assert(sizeof(struct kit_regs) == RECORD_REGISTERS * sizeof(u64), "all are recorded");

void kit_hypercall_regs(struct kit_regs *regs)
{
    const struct kit_regs before = *regs;
    u8 code[3];
    u64 call;

    kit_hypercall_insn(code);
    call = record_code_enter(64, code, sizeof(code), &regs->rax);
    kit_call_regs(regs, kit_hypercall_code());
    record_code_exit(64, call, &before.rax, &regs->rax);
}

long hypercall(unsigned int number, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
    struct kit_regs regs = {.rax = number, .rdi = a1, .rsi = a2, .rdx = a3, .r10 = a4, .r8 = a5};

    kit_hypercall_regs(&regs);
    return (long)regs.rax;
}

/*
 * Map the first 4 GiB at their physical addresses, for 32-bit code and for devices: as large pages,
 * writable and executable, through an otherwise unused entry of the root table.
 */
static void map_low(void)
{
    static u64 *directories, *pointers;
    u64 root, *slot;

    __asm__("mov %%cr3, %0" : "=r"(root));
    slot = (u64 *)(DIRECT_MAP_BASE + (root & CR3_FRAME));
    if (*slot & 1)
        return;
    if (!pointers) {
        directories = kit_pages(4);
        pointers = kit_page();
        for (u64 i = 0; i < 4 * 512; i++)
            directories[i] = i << 21 | ENTRY_LARGE;
        for (u64 i = 0; i < 4; i++)
            pointers[i] = (kit_gfn(directories) + i) << PAGE_SHIFT | ENTRY_TABLE;
    }
    *slot = kit_gfn(pointers) << PAGE_SHIFT | ENTRY_TABLE;
}

long kit_set_descriptor(u32 index, u64 descriptor)
{
    const u64 *slot = &cpu_gdt[index];

    if (kit_place() == KIT_XEN_PV)
        return hc_update_descriptor(kit_mfn(slot) << PAGE_SHIFT | (u64)slot % PAGE_SIZE,
                                    descriptor);
    WRITE_ONCE(cpu_gdt[index], descriptor);
    return 0;
}

u64 kit_descriptor(u32 index)
{
    return READ_ONCE(cpu_gdt[index]);
}

volatile void *kit_device(u32 address)
{
    kit_needs(KIT_NATIVE | KIT_XEN_PVH);
    map_low();
    return (volatile void *)(u64)address;
}

static u32 low(const void *address)
{
    return (u32)((u64)address - VIRT_BASE);
}

/* A copy of code where it can be executed, at its low address, followed by tail. */
static u32 place(const void *code, size_t size, const u8 *tail, size_t tail_size)
{
    static u8 *page;

    kit_needs(KIT_NATIVE | KIT_XEN_PVH);
    if (size + tail_size > PAGE_SIZE)
        cannot_tell("%zu bytes of code are too many", size);
    map_low();
    if (!page)
        page = kit_page();
    memcpy(page, code, size);
    memcpy(page + size, tail, tail_size);
    return low(page);
}

void kit_run64(const void *code, size_t size, struct kit_regs *regs)
{
    static const u8 ret[] = {0xc3};
    const struct kit_regs before = *regs;
    const u32 at = place(code, size, ret, sizeof(ret));
    const u64 call = record_code_enter(64, code, size, &regs->rax);

    kit_call_regs(regs, (const void *)(u64)at);
    record_code_exit(64, call, &before.rax, &regs->rax);
}

/* jmp KERNEL_CS:kit_compat_back */
void kit_run32(const void *code, size_t size, struct kit_regs *regs)
{
    const u32 back = low(kit_compat_back);
    const u8 far_jump[] = {0xea,      (u8)back, (u8)(back >> 8), (u8)(back >> 16), (u8)(back >> 24),
                           KERNEL_CS, 0};
    const struct kit_regs before = *regs;
    u64 call;

    kit_compat_target.offset = place(code, size, far_jump, sizeof(far_jump));
    kit_compat_target.selector = COMPAT_ENTRY * 8;
    kit_set_descriptor(COMPAT_ENTRY, DESCRIPTOR_CODE32);
    call = record_code_enter(32, code, size, &regs->rax);
    kit_call_compat(regs);
    record_code_exit(32, call, &before.rax, &regs->rax);
}
