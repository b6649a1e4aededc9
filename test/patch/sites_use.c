/* SPDX-License-Identifier: MIT */
/*
 * Call sites in use: patched code does the same as unpatched code; text is written through an
 * alias; a replaced or missing function of the table is called or reported.
 */
#include "mm/vmap.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"
#include "test/harness/test.h"
#include "test/patch/sites.h"

extern const u8 _text_start[], _text_end[];

/* ---- What sites do ------------------------------------------------------------------------- */

#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args) u64 sites_keep_##name(u64 first, u64 second);
#include "pv/ops.def"
#undef PV_OP

static u64 slot_and_entry(u64 (*set)(u64, u64), u64 va, int level)
{
    const union pt_slot *slot = mm_slot(&mm_kernel, va, level);

    return slot ? set((u64)slot, slot->raw) : ~0ull;
}

/* Call each hot op with arguments that change nothing, and expect every register to be kept. */
static void expect_registers_kept(u64 va, u64 value)
{
    const pte_t pte = pv_make_pte(value);

    EXPECT_EQ(sites_keep_irq_disable(1, 2), 0);
    EXPECT_EQ(sites_keep_save_fl(1, 2), 0);
    EXPECT_EQ(sites_keep_restore_fl(0, 2), 0);
    EXPECT_EQ(sites_keep_restore_fl(PV_FLAG_IF, 2), 0);
    EXPECT_EQ(sites_keep_irq_enable(1, 2), 0);
    EXPECT_EQ(sites_keep_read_tsc(1, 2), 0);
    EXPECT_EQ(sites_keep_pfn_to_mfn(value_pfn(value).n, 2), 0);
    EXPECT_EQ(sites_keep_mfn_to_pfn(pv_pfn_to_mfn(value_pfn(value)).n, 2), 0);
    EXPECT_EQ(sites_keep_make_pte(value, 2), 0);
    EXPECT_EQ(sites_keep_make_pmd(value, 2), 0);
    EXPECT_EQ(sites_keep_make_pud(value, 2), 0);
    EXPECT_EQ(sites_keep_make_pgd(value, 2), 0);
    EXPECT_EQ(sites_keep_pte_val(pte.raw, 2), 0);
    EXPECT_EQ(sites_keep_pmd_val(pte.raw, 2), 0);
    EXPECT_EQ(sites_keep_pud_val(pte.raw, 2), 0);
    EXPECT_EQ(sites_keep_pgd_val(pte.raw, 2), 0);
    INTERRUPTS_OFF
    {
        EXPECT_EQ(sites_keep_write_cr2(0x1000, 2), 0);
        EXPECT_EQ(sites_keep_read_cr2(1, 2), 0);
        EXPECT_EQ(slot_and_entry(sites_keep_set_pte, va, 1), 0);
        EXPECT_EQ(slot_and_entry(sites_keep_set_pmd, va, 2), 0);
        EXPECT_EQ(slot_and_entry(sites_keep_set_pud, va, 3), 0);
        EXPECT_EQ(slot_and_entry(sites_keep_set_pgd, va, 4), 0);
        EXPECT_EQ(sites_keep_flush_tlb_one(va, 2), 0);
        EXPECT_EQ(sites_keep_read_cr3(1, 2), 0);
        EXPECT_EQ(sites_keep_write_cr3(pv_read_cr3().n << PAGE_SHIFT, 2), 0);
    }
}

TEST(sites, hot_ops_keep_every_register, save_fl, restore_fl, irq_disable, irq_enable, read_cr2,
     write_cr2, read_tsc, flush_tlb_one)
{
    const bool was = pv_is_patched();
    void *page = vmalloc(PAGE_SIZE);
    struct mm_mapping m;

    REQUIRE(page);
    REQUIRE(mm_query(&mm_kernel, (u64)page, &m));
    expect_registers_kept((u64)page, m.value);
    set_patched(!was);
    expect_registers_kept((u64)page, m.value);
    set_patched(was);
    vfree(page);
}

u64 sites_tail_save_fl(void);
u64 sites_tail_make_pte(u64 value);
void sites_tail_irq_disable(void);
void sites_tail_flush_tlb_one(u64 va);
u64 sites_call_save_fl(void);
u64 sites_call_make_pte(u64 value);
u32 sites_call_cpu_count(void);

static void expect_assembly_calls(void)
{
    const u64 value = pte_value(PFN(0x200), PTE_PRESENT);

    INTERRUPTS_OFF
    sites_tail_flush_tlb_one(VMAP_BASE);
    EXPECT(sites_tail_save_fl() & PV_FLAG_IF);
    EXPECT(sites_call_save_fl() & PV_FLAG_IF);
    sites_tail_irq_disable();
    EXPECT(!(sites_tail_save_fl() & PV_FLAG_IF));
    EXPECT(!(sites_call_save_fl() & PV_FLAG_IF));
    pv_irq_enable();
    EXPECT_EQ(sites_tail_make_pte(value), pv_make_pte(value).raw);
    EXPECT_EQ(sites_call_make_pte(value), pv_make_pte(value).raw);
    EXPECT_EQ(sites_call_cpu_count(), pv_cpu_count());
}

TEST(sites, tail_calls_and_calls_in_assembly_are_sites, save_fl, make_pte, irq_disable,
     flush_tlb_one, cpu_count)
{
    const bool was = pv_is_patched();
    u32 jumps = 0;

    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++)
        jumps += site->kind == PV_SITE_JUMP;
    EXPECT(jumps >= 4);
    expect_assembly_calls();
    set_patched(!was);
    expect_assembly_calls();
    set_patched(was);
}

/* ---- A replaced function, and a missing one ------------------------------------------------ */

static u64 other_cr2(void)
{
    return 0x5eed;
}

TEST(sites, another_function_is_called_and_not_its_inline_form, read_cr2)
{
    const bool was = pv_is_patched();
    const void *function = replace_op(PV_INDEX(cpu.read_cr2), other_cr2);

    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_read_cr2(), 0x5eed);
        EXPECT_EQ(sites_keep_read_cr2(1, 2), 0);
        set_patched(!was);
        EXPECT_EQ(pv_read_cr2(), 0x5eed);
        replace_op(PV_INDEX(cpu.read_cr2), function);
        EXPECT(pv_read_cr2() != 0x5eed);
        set_patched(was);
        EXPECT(pv_read_cr2() != 0x5eed);
    }
    expect_all_are(was);
}

TEST(sites, empty_op_becomes_a_trap_that_names_it, wbinvd)
{
    const bool was = pv_is_patched();
    const void *function = replace_op(PV_INDEX(cpu.wbinvd), NULL);
    struct fault fault = {0};

    set_patched(true);
    PV_TRY(fault)
    pv_wbinvd();
    EXPECT(fault.caught && fault.vector == VECTOR_UD);
    REQUIRE(pv_trap_at(fault.rip));
    EXPECT(!strcmp(pv_trap_at(fault.rip), "wbinvd"));
    EXPECT(!pv_trap_at(fault.rip + 1));
    set_patched(false);
    PANICS("wbinvd")
    pv_wbinvd();
    EXPECT(glob_match("*empty in this backend*", caught_panic));
    replace_op(PV_INDEX(cpu.wbinvd), function);
    set_patched(was);
    pv_wbinvd();
}

/* ---- How sites are written ----------------------------------------------------------------- */

static void (*real_set_fixmap)(enum pv_fixmap index, u64 value);
static u32 aliases, bad_aliases, left_mapped;

static void watch_set_fixmap(enum pv_fixmap index, u64 value)
{
    if (index >= FIX_TEXT && index < FIX_TEXT + FIX_TEXT_PAGES) {
        const u64 want = PTE_PRESENT | PTE_WRITE | PTE_NX;
        const u64 address = VIRT_BASE + (value_pfn(value).n << PAGE_SHIFT);

        if (value) {
            aliases++;
            bad_aliases += (value & want) != want ||
                           address < ALIGN_DOWN((u64)_text_start, PAGE_SIZE) ||
                           address >= (u64)_text_end;
            left_mapped |= 1u << (index - FIX_TEXT);
        } else {
            left_mapped &= ~(1u << (index - FIX_TEXT));
        }
    }
    real_set_fixmap(index, value);
}

static void expect_text_is_read_only(void)
{
    const u32 rights = rights_found(0);

    for (u64 va = ALIGN_DOWN((u64)_text_start, PAGE_SIZE); va < (u64)_text_end; va += PAGE_SIZE) {
        struct mm_mapping image = {0}, direct = {0};

        mm_query(&mm_kernel, va, &image);
        mm_query(&mm_kernel, DIRECT_MAP_BASE + (va - VIRT_BASE), &direct);
        if (image.prot != MM_EXEC || direct.prot != rights) {
            EXPECT_EQ(image.prot, MM_EXEC);
            EXPECT_EQ(direct.prot, rights);
        }
    }
}

TEST(sites, text_is_written_by_an_alias_that_cannot_run_and_is_gone, set_fixmap)
{
    const bool was = pv_is_patched();
    struct fault fault;
    u64 seen;

    memcpy(&real_set_fixmap, &pv_ops.mmu.set_fixmap, sizeof(real_set_fixmap));
    aliases = bad_aliases = left_mapped = 0;
    replace_op(PV_INDEX(mmu.set_fixmap), watch_set_fixmap);
    set_patched(!was);
    set_patched(was);
    replace_op(PV_INDEX(mmu.set_fixmap), real_set_fixmap);
    EXPECT(aliases > 1);
    EXPECT_EQ(bad_aliases, 0);
    EXPECT_EQ(left_mapped, 0);
    for (u32 i = 0; i < FIX_TEXT_PAGES; i++)
        EXPECT(!try_read((u64)fixmap_va((enum pv_fixmap)(FIX_TEXT + i)), &seen, &fault));
    EXPECT(!try_write((u64)pv_site_address(pv_sites), 0, &fault));
    EXPECT_EQ(fault.vector, VECTOR_PF);
    expect_text_is_read_only();
}

static void spoil(u8 *at, u8 value)
{
    const u64 page = ALIGN_DOWN((u64)at, PAGE_SIZE);

    INTERRUPTS_OFF
    {
        pv_set_fixmap(FIX_TEST, (page - VIRT_BASE) | PTE_PRESENT | PTE_WRITE | PTE_NX);
        *((volatile u8 *)fixmap_va(FIX_TEST) + ((u64)at - page)) = value;
        pv_set_fixmap(FIX_TEST, 0);
    }
}

/*
 * The op has one site, and no CPU uses it now, so that nothing is half done when the panic is
 * raised.
 */
TEST(sites, modified_site_is_detected, memory_map)
{
    const void *const function = pv_ops.setup.memory_map;
    const u32 op = PV_INDEX(setup.memory_map);
    const bool was = pv_is_patched();
    const struct pv_site *site = pv_sites;
    u8 *last;

    while (site < pv_sites_end && site->op != op)
        site++;
    REQUIRE(site < pv_sites_end);
    set_patched(true);
    last = pv_site_address(site) + pv_site_length(site) - 1;
    spoil(last, *last ^ 1);
    INTERRUPTS_OFF
    {
        PANICS("patch")
        pv_set_op(op, function);
    }
    spoil(last, *last ^ 1);
    replace_op(op, function);
    set_patched(was);
    expect_all_are(was);
}

/* ---- Patching while other CPUs run --------------------------------------------------------- */

enum { PATCHINGS = 6 };

static u32 done;

/* Use ops that have a patch template on some backend; count wrong results in *arg. */
static void use_ops(void *arg)
{
    const u64 value = pte_value(PFN(0x200), PTE_PRESENT | PTE_WRITE);
    u64 *const wrong = arg;

    while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST)) {
        const u64 before = pv_read_tsc();
        u64 flags;

        for (u32 i = 0; i < 200; i++) {
            flags = pv_save_fl();
            *wrong += !(flags & PV_FLAG_IF);
            pv_irq_disable();
            *wrong += (pv_save_fl() & PV_FLAG_IF) != 0;
            *wrong += sites_tail_make_pte(value) != pv_make_pte(value).raw;
            *wrong += pv_pte_val(pv_make_pte(value)) != value;
            pv_lazy_enter();
            pv_lazy_leave();
            pv_restore_fl(flags);
            *wrong += !(pv_save_fl() & PV_FLAG_IF);
        }
        *wrong += pv_read_tsc() < before;
        thread_yield();
    }
}

TEST(sites, patching_while_other_cpus_use_ops, save_fl, restore_fl, irq_disable, make_pte, pte_val,
     lazy_enter, lazy_leave)
{
    struct thread *threads[8] = {NULL};
    u64 wrong[8] = {0};
    const bool was = pv_is_patched();

    done = 0;
    for (u32 i = 0; i < ARRAY_SIZE(threads); i++) {
        threads[i] = thread_start("ops", i % smp_online_count(), use_ops, &wrong[i]);
        REQUIRE(threads[i]);
    }
    for (u32 i = 0; i < PATCHINGS; i++) {
        set_patched(i % 2);
        thread_yield();
    }
    set_patched(was);
    __atomic_store_n(&done, 1, __ATOMIC_SEQ_CST);
    for (u32 i = 0; i < ARRAY_SIZE(threads); i++) {
        thread_join(threads[i]);
        EXPECT_EQ(wrong[i], 0);
    }
    expect_all_are(was);
}
