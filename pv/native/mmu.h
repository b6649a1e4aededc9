/*
 * The native class 3, for the backends whose page tables are the hardware's own (native, Xen PVH):
 * all of it except flush_others, balloon_adjust and hypercall_count, which are the hypervisor's.
 */
#ifndef PV_NATIVE_MMU_H
#define PV_NATIVE_MMU_H

#include "pv/pv.h"

void native_mmu_init(const struct boot_info *info, struct pv_mmu_traits *traits);
void *native_early_map(pfn_t pfn);
const char *native_install_tables(struct pv_kernel_tables *t);
mfn_t native_pfn_to_mfn(pfn_t pfn);
pfn_t native_mfn_to_pfn(mfn_t mfn);
pte_t native_make_pte(u64 value);
u64 native_pte_val(pte_t entry);
pmd_t native_make_pmd(u64 value);
u64 native_pmd_val(pmd_t entry);
pud_t native_make_pud(u64 value);
u64 native_pud_val(pud_t entry);
pgd_t native_make_pgd(u64 value);
u64 native_pgd_val(pgd_t entry);
void native_set_pte(pte_t *slot, pte_t entry);
void native_set_pmd(pmd_t *slot, pmd_t entry);
void native_set_pud(pud_t *slot, pud_t entry);
void native_set_pgd(pgd_t *slot, pgd_t entry);
void native_set_ptes(pte_t *slot, u64 value, u32 count);
void native_clear_ptes(pte_t *slot, u32 count);
pte_t native_get_and_clear_pte(pte_t *slot);
pte_t native_protect_start(pte_t *slot);
void native_protect_commit(pte_t *slot, pte_t old, pte_t changed);
void native_announce_table(pfn_t pfn, int level);
int native_pin_root(pfn_t root);
void native_unpin_root(pfn_t root);
pfn_t native_read_root(void);
void native_write_root(pfn_t root);
void native_flush_one(u64 va);
void native_flush_user(void);
void native_flush_all(void);
int native_flush_others(u64 cpus, u64 va);
void native_lazy_nop(void);
u32 native_context_switch_start(void);
void native_context_switch_end(u32 depth);
void native_set_fixmap(enum pv_fixmap index, u64 value);
void native_user_access_begin(void);
void native_user_access_end(void);
int native_make_contiguous(pfn_t first, u32 order, u32 address_bits);

/* What both have in their table. */
#define NATIVE_MMU_OPS \
    .mmu_init = native_mmu_init, .early_map = native_early_map, \
    .install_tables = native_install_tables, .pfn_to_mfn = native_pfn_to_mfn, \
    .mfn_to_pfn = native_mfn_to_pfn, .make_pte = native_make_pte, .pte_val = native_pte_val, \
    .make_pmd = native_make_pmd, .pmd_val = native_pmd_val, .make_pud = native_make_pud, \
    .pud_val = native_pud_val, .make_pgd = native_make_pgd, .pgd_val = native_pgd_val, \
    .set_pte = native_set_pte, .set_pmd = native_set_pmd, .set_pud = native_set_pud, \
    .set_pgd = native_set_pgd, .set_ptes = native_set_ptes, .init_ptes = native_set_ptes, \
    .clear_ptes = native_clear_ptes, .get_and_clear_pte = native_get_and_clear_pte, \
    .protect_start = native_protect_start, .protect_commit = native_protect_commit, \
    .announce_table = native_announce_table, .release_table = native_announce_table, \
    .pin_root = native_pin_root, .unpin_root = native_unpin_root, .read_root = native_read_root, \
    .write_root = native_write_root, .flush_one = native_flush_one, \
    .flush_user = native_flush_user, .flush_all = native_flush_all, .lazy_enter = native_lazy_nop, \
    .lazy_leave = native_lazy_nop, .lazy_flush = native_lazy_nop, \
    .context_switch_start = native_context_switch_start, \
    .context_switch_end = native_context_switch_end, .set_fixmap = native_set_fixmap, \
    .user_access_begin = native_user_access_begin, .user_access_end = native_user_access_end, \
    .make_contiguous = native_make_contiguous

/* SMEP, SMAP, UMIP and global pages, on the CPU that calls: each CPU does once. */
void native_protect_cpu(void);

#endif
