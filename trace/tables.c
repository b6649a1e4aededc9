/* SPDX-License-Identifier: MIT */
/*
 * Page tables in a replay, on Xen PV. The recorded guest's tables are built in frames of this
 * guest, and are pinned as those were. So Xen checks the recorded changes of them as it did then.
 *
 * This kernel stays on its own tables. Two kinds of calls depend on the tables in use: those that
 * take an address (update_va_mapping), and those that load a root. They are made with the recorded
 * guest's root in CR3, or with this kernel's loaded again directly after, with interrupts disabled.
 * The kernel's image, which has all that this needs, is mapped there as it is here (ENTRY_OWN).
 *
 * Hypercalls of this file are not recorded: they are the replay's own.
 */
#include "kernel/panic.h"
#include "lib/address_map.h"
#include "lib/string.h"
#include "pv/pv.h"
#include "repro/kit.h"
#include "repro/kit/call.h"
#include "trace/replay.h"

/* What Xen sets by itself in an entry: global, and its mark of the kernel's pages. */
#define XEN_BITS (PTE_GLOBAL | 1ull << 52)

#define LEAF (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX)

static long unrecorded(u64 number, u64 a1, u64 a2, u64 a3, u64 a4)
{
    struct kit_regs regs = {.rax = number, .rdi = a1, .rsi = a2, .rdx = a3, .r10 = a4};

    kit_call_regs(&regs, kit_hypercall_code());
    return (long)regs.rax;
}

static long mmuext(unsigned int command, u64 mfn)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = mfn};

    return unrecorded(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF);
}

static long map_page(u64 va, u64 raw)
{
    return unrecorded(__HYPERVISOR_update_va_mapping, va, raw, UVMF_INVLPG, 0);
}

u64 replay_unmapped_frame(void)
{
    void *page = kit_frame();
    const u64 mfn = kit_mfn(page);

    if (kit_place() == KIT_XEN_PV && map_page((u64)page, 0))
        finish(VERDICT_ERROR, "replay: Xen refuses to unmap a page of the direct map");
    return mfn;
}

u64 replay_entry_of_image(u64 entry, u64 word)
{
    return kit_entry(SYMBOL_ADDRESS(word), 1) & PTE_WRITE ? entry : entry & ~PTE_WRITE;
}

/* Return the entry to store for one of the program's; va is what it maps. */
static u64 entry_of(u64 entry, u64 va, const u64 *words, const u64 *symbols)
{
    u64 symbol;

    if (entry & ENTRY_OWN)
        return kit_entry(va, 1) & ~XEN_BITS;
    if (entry & ENTRY_LITERAL || !(entry & PTE_PRESENT))
        return entry & ~ENTRY_LITERAL;
    symbol = value_pfn(entry).n;
    if (SYMBOL_KIND(words[symbol]) == SYMBOL_IMAGE)
        entry = replay_entry_of_image(entry, words[symbol]);
    return symbols[symbol] << PAGE_SHIFT | (entry & PTE_FLAGS_MASK);
}

void replay_fill_table(const struct table *table, const u64 *entries, const u64 *words,
                       const u64 *symbols)
{
    const u64 mfn = symbols[table->symbol];
    static u64 window;

    if (!window)
        window = kit_region();
    if (map_page(window, mfn << PAGE_SHIFT | LEAF))
        return;
    for (u32 i = 0; i < PT_ENTRIES; i++)
        ((u64 *)window)[i] = entry_of(entries[i], table->va + i * PAGE_SIZE, words, symbols);
    if (map_page(window, 0))
        finish(VERDICT_ERROR, "replay: Xen refuses to unmap a page table");
    if (table->pinned && mmuext(MMUEXT_PIN_L1_TABLE + (unsigned int)table->level - 1, mfn))
        finish(VERDICT_ERROR,
               "replay: Xen refuses the recorded page table of level %llu for address %llx",
               (unsigned long long)table->level, (unsigned long long)table->va);
}

void replay_on_root(u64 root, struct kit_regs *regs)
{
    const u64 own = pv_pfn_to_mfn(pv_read_cr3()).n;
    const u64 flags = pv_irq_save();

    if (root && mmuext(MMUEXT_NEW_BASEPTR, root))
        finish(VERDICT_ERROR, "replay: Xen refuses frame %llx as root", (unsigned long long)root);
    kit_call_regs(regs, kit_hypercall_code());
    if (mmuext(MMUEXT_NEW_BASEPTR, own))
        panic("replay: Xen refuses the kernel's root");
    pv_restore_fl(flags);
}
