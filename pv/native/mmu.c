/* SPDX-License-Identifier: MIT */
/*
 * Native page tables: the hardware walks what the kernel stores (Intel SDM vol. 3, chapter 4). A
 * frame is its own machine frame and an entry its own value, and announcing or pinning a table has
 * no effect. Two things remain: each entry is stored whole, in program order, as x86 does; and the
 * TLB has to be flushed, here by this CPU and in tlb.c by others.
 */
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/x86.h"

/* Leaf 0x80000001, edx. */
#define CPUID_NX        (1 << 20)
#define CPUID_GIB_PAGES (1 << 26)

/* Written: by mmu_init and install_tables, on one CPU. */
static pte_t *fixmap;
bool native_have_smap;
static bool have_gib_pages;

/* The boot's tables map the first 4 GiB where the direct map will be, so early_map reaches them. */
void native_mmu_init(const struct boot_info *info, struct pv_mmu_traits *traits)
{
    const u32 features = cpuid(0x80000001, 0).edx;

    (void)info;
    have_gib_pages = features & CPUID_GIB_PAGES;
    if (!(features & CPUID_NX))
        native_mmu_without_nx();
    *traits = (struct pv_mmu_traits){
        .leaf_levels = 1 << 1 | 1 << 2 | (have_gib_pages ? 1 << 3 : 0),
        .root_pages = 1,
        .table_high = PFN(BOOT_MAP_SIZE >> PAGE_SHIFT),
    };
}

void *native_early_map(pfn_t pfn)
{
    return pfn_to_va(pfn);
}

/* Set the protection bits of CR4 that this CPU has. Other CPUs start with its CR4 (start.S). */
static void protect_cpu(void)
{
    const u64 bits = native_cr4_bits() & (CR4_PGE | CR4_SMEP | CR4_SMAP | CR4_UMIP);

    write_cr4(read_cr4() | bits);
    native_have_smap = bits & CR4_SMAP;
}

const char *native_install_tables(struct pv_kernel_tables *t)
{
    t->freed = PFN(0);
    t->nr_freed = 0;
    write_cr3(t->root.n << PAGE_SHIFT);
    protect_cpu();
    fixmap = pfn_to_va(t->fixmap);
    return NULL;
}

/* A frame is its own machine frame. */
mfn_t native_pfn_to_mfn(pfn_t pfn)
{
    return MFN(pfn.n);
}

pfn_t native_mfn_to_pfn(mfn_t mfn)
{
    return PFN(mfn.n);
}

/* Return the entry, or 0 for a leaf: this CPU takes none at the entry's level. */
static u64 without_leaf(u64 value)
{
    const u64 leaf = PTE_PRESENT | PTE_PSE;

    return (value & leaf) == leaf ? 0 : value;
}

/* An entry is its own value. 1 GiB leaves need CPUID.GBPAGES, and no CPU has larger ones. */
pte_t native_make_pte(u64 value)
{
    return (pte_t){value};
}

pmd_t native_make_pmd(u64 value)
{
    return (pmd_t){value};
}

pud_t native_make_pud(u64 value)
{
    return (pud_t){have_gib_pages ? value : without_leaf(value)};
}

pgd_t native_make_pgd(u64 value)
{
    return (pgd_t){without_leaf(value)};
}

u64 native_pte_val(pte_t entry)
{
    return entry.raw;
}

u64 native_pmd_val(pmd_t entry)
{
    return entry.raw;
}

u64 native_pud_val(pud_t entry)
{
    return entry.raw;
}

u64 native_pgd_val(pgd_t entry)
{
    return entry.raw;
}

void native_set_pte(pte_t *slot, pte_t entry)
{
    WRITE_ONCE(slot->raw, entry.raw);
}

void native_set_pmd(pmd_t *slot, pmd_t entry)
{
    WRITE_ONCE(slot->raw, entry.raw);
}

void native_set_pud(pud_t *slot, pud_t entry)
{
    WRITE_ONCE(slot->raw, entry.raw);
}

void native_set_pgd(pgd_t *slot, pgd_t entry)
{
    WRITE_ONCE(slot->raw, entry.raw);
}

/*
 * The hardware walks what is stored, so no table needs to be announced or pinned, and no store
 * delayed.
 */
void native_announce_table(pfn_t pfn, int level)
{
    (void)pfn, (void)level;
}

void native_release_table(pfn_t pfn, int level)
{
    (void)pfn, (void)level;
}

int native_pin_root(pfn_t root)
{
    (void)root;
    return 0;
}

void native_unpin_root(pfn_t root)
{
    (void)root;
}

void native_lazy_enter(void)
{
}

void native_lazy_leave(void)
{
}

void native_lazy_flush(void)
{
}

u32 native_context_switch_start(void)
{
    return 0;
}

void native_context_switch_end(u32 depth)
{
    (void)depth;
}

/* Store count entries one by one: a walk by the hardware sees each as it was or as it will be. */
static inline void store_ptes(pte_t *slot, u64 value, u32 count)
{
    for (; count >= 4; count -= 4, slot += 4, value += 4 * PAGE_SIZE) {
        WRITE_ONCE(slot[0].raw, value);
        WRITE_ONCE(slot[1].raw, value + PAGE_SIZE);
        WRITE_ONCE(slot[2].raw, value + 2 * PAGE_SIZE);
        WRITE_ONCE(slot[3].raw, value + 3 * PAGE_SIZE);
    }
    for (; count; count--, slot++, value += PAGE_SIZE)
        WRITE_ONCE(slot->raw, value);
}

void native_set_ptes(pte_t *slot, u64 value, u32 count)
{
    store_ptes(slot, value, count);
}

void native_init_ptes(pte_t *slot, u64 value, u32 count)
{
    store_ptes(slot, value, count);
}

void native_clear_ptes(pte_t *slot, u32 count)
{
    for (; count; count--, slot++)
        WRITE_ONCE(slot->raw, 0);
}

pte_t native_ptep_get_and_clear(pte_t *slot)
{
    return (pte_t){__atomic_exchange_n(&slot->raw, 0, __ATOMIC_SEQ_CST)};
}

pte_t native_ptep_modify_prot_start(pte_t *slot)
{
    return (pte_t){READ_ONCE(slot->raw)};
}

/*
 * The entry stays present, so that an access which both protections allow does not fault. A bit
 * that a walk sets in the old entry makes the exchange fail, and is merged then.
 */
void native_ptep_modify_prot_commit(pte_t *slot, pte_t old, pte_t changed)
{
    u64 now = old.raw;

    while (!__atomic_compare_exchange_n(&slot->raw, &now,
                                        changed.raw | (now & (PTE_ACCESSED | PTE_DIRTY)), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
}

pfn_t native_read_cr3(void)
{
    return value_pfn(read_cr3());
}

void native_write_cr3(pfn_t root)
{
    write_cr3(root.n << PAGE_SHIFT);
}

void native_flush_tlb_one(u64 va)
{
    invlpg(va);
}

void native_flush_tlb_user(void)
{
    write_cr3(read_cr3());
}

/* A change of CR4.PGE flushes everything, global pages too (Intel SDM vol. 3, section 4.10.4.1). */
void native_flush_tlb_kernel(void)
{
    const u64 cr4 = read_cr4();

    if (!(cr4 & CR4_PGE)) {
        native_flush_tlb_user();
        return;
    }
    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
}

void native_set_fixmap(enum pv_fixmap index, u64 value)
{
    WRITE_ONCE(fixmap[index].raw, value);
    invlpg((u64)fixmap_va(index));
}

void native_user_access_begin(void)
{
    if (native_have_smap)
        __asm__ volatile("stac" : : : "memory", "cc");
}

void native_user_access_end(void)
{
    if (native_have_smap)
        __asm__ volatile("clac" : : : "memory", "cc");
}

int native_make_contiguous(pfn_t first, u32 order, u32 address_bits)
{
    return (first.n + (1ull << order)) << PAGE_SHIFT <= 1ull << address_bits ? 0 : -EINVAL;
}

s64 native_balloon_adjust(pfn_t first, u64 count, bool give)
{
    (void)first, (void)count, (void)give;
    return -ENODEV;
}

u64 native_hypercall_count(u64 *updates)
{
    *updates = 0;
    return 0;
}
