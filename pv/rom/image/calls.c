/* SPDX-License-Identifier: MIT */
/*
 * The calls of this ROM (pv/rom/abi.h): what the native ops do, once more. A ROM for a hypervisor
 * would have hypercalls here.
 */
#include "pv/rom/image/rom.h"

enum {
    CR0_TASK_SWITCHED = 1 << 3,
    CR4_GLOBAL_PAGES = 1 << 7,
    ACCESSED_AND_DIRTY = 3 << 5, /* of an entry */
    FRAME_SHIFT = 12,
    FRAME_SIZE = 1 << FRAME_SHIFT,
    DELAY_PORT = 0x80,
};

/* The kernel has compared the major versions. This ROM needs nothing of a minor one. */
u32 rom_init(u32 major, u32 minor)
{
    (void)minor;
    return major != ROM_MAJOR;
}

u64 rom_save_fl(void)
{
    u64 flags;

    __asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
    return flags;
}

void rom_restore_fl(u64 flags)
{
    __asm__ volatile("pushq %0; popfq" : : "r"(flags) : "memory", "cc");
}

void rom_irq_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}

void rom_irq_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}

void rom_cpuid(u32 leaf, u32 subleaf, u32 *regs)
{
    __asm__ volatile("cpuid"
                     : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
                     : "a"(leaf), "c"(subleaf));
}

#define READ(name) \
    u64 rom_read_##name(void) \
    { \
        u64 value; \
\
        __asm__ volatile("movq %%" #name ", %0" : "=r"(value) : : "memory"); \
        return value; \
    }

READ(cr0)
READ(cr2)
READ(cr4)

static void write_cr4(u64 value)
{
    __asm__ volatile("movq %0, %%cr4" : : "r"(value) : "memory");
}

void rom_write_cr2(u64 value)
{
    __asm__ volatile("movq %0, %%cr2" : : "r"(value) : "memory");
}

u64 rom_read_tsc(void)
{
    u32 low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (u64)high << 32;
}

void rom_clts(void)
{
    __asm__ volatile("clts" : : : "memory");
}

void rom_stts(void)
{
    __asm__ volatile("movq %0, %%cr0" : : "r"(rom_read_cr0() | CR0_TASK_SWITCHED) : "memory");
}

void rom_wbinvd(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

void rom_swapgs(void)
{
    __asm__ volatile("swapgs" : : : "memory");
}

void rom_io_delay(void)
{
    __asm__ volatile("outb %0, %1" : : "a"((u8)0), "N"(DELAY_PORT));
}

/* Frames are numbered as the machine numbers them, and an entry is its own value. */
#define SAME(name) \
    u64 rom_##name(u64 value) \
    { \
        return value; \
    }

SAME(pfn_to_mfn)
SAME(mfn_to_pfn)
SAME(make_pte)
SAME(pte_val)
SAME(make_pmd)
SAME(pmd_val)
SAME(pud_val)
SAME(pgd_val)

#define SET(level) \
    void rom_set_##level(u64 *slot, u64 entry) \
    { \
        *(volatile u64 *)slot = entry; \
    }

SET(pte)
SET(pmd)
SET(pud)
SET(pgd)

__attribute__((weak)) void rom_set_ptes(u64 *slot, u64 value, u32 count)
{
    for (; count; count--, slot++, value += FRAME_SIZE)
        *(volatile u64 *)slot = value;
}

__attribute__((weak)) void rom_init_ptes(u64 *slot, u64 value, u32 count)
{
    for (; count; count--, slot++, value += FRAME_SIZE)
        *(volatile u64 *)slot = value;
}

void rom_clear_ptes(u64 *slot, u32 count)
{
    for (; count; count--, slot++)
        *(volatile u64 *)slot = 0;
}

u64 rom_ptep_get_and_clear(u64 *slot)
{
    return __atomic_exchange_n(slot, 0, __ATOMIC_SEQ_CST);
}

u64 rom_ptep_modify_prot_start(u64 *slot)
{
    return *(volatile u64 *)slot;
}

/* Keep what a walk of the tables sets in the meantime. */
void rom_ptep_modify_prot_commit(u64 *slot, u64 old, u64 changed)
{
    u64 now = old;

    while (!__atomic_compare_exchange_n(slot, &now, changed | (now & ACCESSED_AND_DIRTY), 0,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
}

u32 rom_pin_root(u64 frame)
{
    (void)frame;
    return 0;
}

/* A CPU's CR3 has flags in its lowest 12 bits, and none above bit 51. */
u64 rom_read_cr3(void)
{
    u64 value;

    __asm__ volatile("movq %%cr3, %0" : "=r"(value) : : "memory");
    return value << 12 >> 12 >> FRAME_SHIFT;
}

__attribute__((weak)) void rom_write_cr3(u64 frame)
{
    __asm__ volatile("movq %0, %%cr3" : : "r"(frame << FRAME_SHIFT) : "memory");
}

u32 rom_context_switch_start(void)
{
    return 0;
}

void rom_flush_tlb_one(u64 va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

void rom_flush_tlb_user(void)
{
    u64 value;

    __asm__ volatile("movq %%cr3, %0; movq %0, %%cr3" : "=&r"(value) : : "memory");
}

/* A change of CR4.PGE flushes global pages, too. */
void rom_flush_tlb_kernel(void)
{
    const u64 cr4 = rom_read_cr4();

    if (!(cr4 & CR4_GLOBAL_PAGES)) {
        rom_flush_tlb_user();
        return;
    }
    write_cr4(cr4 & ~(u64)CR4_GLOBAL_PAGES);
    write_cr4(cr4);
}

void rom_lock_wait(const u8 *byte, u8 value)
{
    (void)byte, (void)value;
    __asm__ volatile("pause" : : : "memory");
}

u32 rom_vcpu_is_preempted(u32 cpu)
{
    (void)cpu;
    return 0;
}

u64 rom_steal_ns(void)
{
    return 0;
}
