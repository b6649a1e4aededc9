/*
 * Call sites: what patching made of them, and that it makes no difference but speed. A test that
 * changes sites runs alone: all other CPUs wait meanwhile, and execute no site.
 */
#include "pv/patch.h"
#include "kernel/irq.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "lib/string.h"
#include "mm/space.h"
#include "mm/vmap.h"
#include "pv/x86.h"
#include "test/cpus.h"
#include "test/mm_util.h"
#include "test/test.h"

extern const u8 _text_start[], _text_end[], pv_thunks[];

/* ---- Alone ------------------------------------------------------------------------------------
 */

static struct spinlock alone = SPINLOCK("alone");
static struct call holds[PV_CPUS_MAX];
static u32 held, released;

/* What was interrupted may be a site: it is begun again, as whatever it is then. */
static void hold(void *arg)
{
    struct trap_frame *frame = (struct trap_frame *)(u64)irq_frame();

    (void)arg;
    if (frame)
        pv_restart_site(frame);
    __atomic_fetch_add(&held, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&released, __ATOMIC_SEQ_CST))
        __builtin_ia32_pause();
    pv_sync_core();
}

/* Runs fn(arg) while no other CPU executes a site. The spinlock keeps this thread on its CPU. */
static void run_alone(void (*fn)(void *arg), void *arg)
{
    u32 others = 0;
    u64 set, flags;

    spin_lock(&alone);
    held = released = 0;
    set = online_cpus() & ~(1ull << pv_this_cpu());
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++) {
        holds[cpu] = (struct call){.fn = hold};
        if (set >> cpu & 1)
            others += !smp_call_async(cpu, &holds[cpu]);
    }
    while (__atomic_load_n(&held, __ATOMIC_SEQ_CST) < others)
        __builtin_ia32_pause();
    flags = pv_save_fl();
    pv_irq_disable();
    fn(arg);
    pv_restore_fl(flags);
    __atomic_store_n(&released, 1, __ATOMIC_SEQ_CST);
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        while (__atomic_load_n(&holds[cpu].state, __ATOMIC_SEQ_CST) != CALL_DONE)
            __builtin_ia32_pause();
    spin_unlock(&alone);
}

static void patch(void *arg)
{
    pv_patch(*(bool *)arg);
}

static void set_patched(bool patched)
{
    run_alone(patch, &patched);
}

struct replacement {
    u32 op;
    const void *function;
};

static void replace(void *arg)
{
    const struct replacement *r = arg;

    pv_set_op(r->op, r->function);
}

/* Puts another function in place of an op's, and returns what was there. */
static const void *replace_op(u32 op, const void *function)
{
    const void *was = ((const void **)&pv_ops)[op];
    struct replacement r = {op, function};

    run_alone(replace, &r);
    return was;
}

/* ---- What the sites are -----------------------------------------------------------------------
 */

/* Where a call or jump of 5 bytes at the end of a site leads, or 0 if it is none. */
static u64 branch_target(const struct pv_site *site)
{
    const u8 *const branch = pv_site_address(site) + pv_site_length(site) - 5;
    s32 distance;

    if (*branch != (site->kind == PV_SITE_JUMP ? 0xe9 : 0xe8))
        return 0;
    memcpy(&distance, branch + 1, sizeof(distance));
    return (u64)branch + 5 + (u64)(s64)distance;
}

/* What the backend has for this op: another function is a mutant, or a test's. */
static const void *original(u32 op)
{
    static const struct pv_backend *const backends[] = {&pv_backend_native, &pv_backend_xen_pv,
                                                        &pv_backend_xen_pvh};
    const void *function = NULL;

    for (u32 i = 0; i < ARRAY_SIZE(backends); i++) {
        if (strcmp(backends[i]->name, pv_backend_name()))
            continue;
#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args) \
    if (op == PV_INDEX(class.name)) \
        function = backends[i]->class->name;
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
    }
    return function;
}

/* What the sites of hot ops call (pv/thunks.S). */
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args, length) void pv_keep_##name(void);
#include "pv/ops.def"

static u64 hot_function(u32 op)
{
#define PV_HOT(class, ret, name, params, args, length) \
    if (op == PV_INDEX(class.name)) \
        return (u64)pv_keep_##name;
#include "pv/ops.def"
#undef PV_OP
    return 0;
}

static bool is_indirect(const struct pv_site *site)
{
    return branch_target(site) ==
           (site->kind >= PV_SITE_HOT ? hot_function(site->op) : (u64)pv_thunks + site->op * 6);
}

static bool is_direct(const struct pv_site *site)
{
    return branch_target(site) ==
           (site->kind >= PV_SITE_HOT ? hot_function(site->op) : ((u64 *)&pv_ops)[site->op]);
}

static void expect_all_are(bool patched)
{
    u32 counts[PV_NR_STATES] = {0}, wrong = 0;
    struct pv_site_code code;

    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++) {
        pv_site_code(site, &code);
        counts[code.state]++;
        wrong += code.site.length != pv_site_length(site) ||
                 memcmp(pv_site_address(site), code.site.bytes, code.site.length) != 0;
        wrong += code.state == PV_STATE_INDIRECT && !is_indirect(site);
        wrong += code.state == PV_STATE_DIRECT && !is_direct(site);
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(counts[PV_STATE_TRAP], 0);
    EXPECT_EQ(counts[PV_STATE_INDIRECT], patched ? 0 : (u64)(pv_sites_end - pv_sites));
    EXPECT(!patched || (counts[PV_STATE_INLINE] && counts[PV_STATE_DIRECT]));
}

TEST(sites, bytes_are_what_the_record_says)
{
    const bool was = pv_is_patched();

    EXPECT(pv_sites_end - pv_sites > 500);
    EXPECT_EQ(was, !cmdline.nopatch);
    expect_all_are(was);
    for (u32 i = 0; i < 2; i++) {
        set_patched(!was ^ i);
        expect_all_are(!was ^ i);
    }
}

/* Without the prefixes that lengthen it, what a site of this op that is lengthened is to be. */
#define BARE(op, length, ...) \
    { \
        PV_INDEX(op), length, \
        { \
            __VA_ARGS__ \
        } \
    }
static const struct encoding {
    u32 op;
    u8 length, bytes[16];
} native_encodings[] =
    {
        BARE(flag.irq_disable, 1, 0xfa),
        BARE(flag.irq_enable, 1, 0xfb),
        BARE(flag.save_fl, 2, 0x9c, 0x58),
        BARE(flag.restore_fl, 6, 0x57, 0x2e, 0x2e, 0x2e, 0x2e, 0x9d),
        BARE(cpu.read_cr2, 3, 0x0f, 0x20, 0xd0),
        BARE(cpu.write_cr2, 3, 0x0f, 0x22, 0xd7),
        BARE(cpu.read_tsc, 2, 0x0f, 0x31),
        BARE(cpu.swapgs, 3, 0x0f, 0x01, 0xf8),
        BARE(cpu.clear_fpu_trap, 2, 0x0f, 0x06),
        BARE(mmu.read_root, 3, 0x0f, 0x20, 0xd8),
        BARE(mmu.write_root, 3, 0x0f, 0x22, 0xdf),
        BARE(mmu.flush_one, 3, 0x0f, 0x01, 0x3f),
        BARE(mmu.make_pte, 3, 0x48, 0x89, 0xf8),
        BARE(mmu.pte_val, 3, 0x48, 0x89, 0xf8),
        BARE(mmu.pfn_to_mfn, 3, 0x48, 0x89, 0xf8),
        BARE(mmu.set_pte, 3, 0x48, 0x89, 0x37),
        BARE(mmu.set_pgd, 3, 0x48, 0x89, 0x37),
        BARE(mmu.lazy_enter, 5, 0x0f, 0x1f, 0x44, 0, 0),
        BARE(mmu.announce_table, 5, 0x0f, 0x1f, 0x44, 0, 0),
},
  xen_pv_encodings[] = {
      BARE(flag.irq_disable, 9, 0x65, 0xc6, 0x04, 0x25, 0x41, 0, 0, 0, 1),
      BARE(flag.irq_enable, 10, 0x65, 0xc6, 0x04, 0x25, 0x41, 0, 0, 0, 0, 0xe9),
      BARE(flag.save_fl, 16, 0x65, 0x0f, 0xb7, 0x04, 0x25, 0x40, 0, 0, 0, 0x8d, 0x04, 0x45, 0, 2, 0,
           0),
      BARE(flag.restore_fl, 15, 0x0f, 0xba, 0xe7, 0x09, 0x65, 0x0f, 0x93, 0x04, 0x25, 0x41, 0, 0, 0,
           0x0f, 0x82),
      BARE(cpu.read_cr2, 9, 0x65, 0x48, 0x8b, 0x04, 0x25, 0x50, 0, 0, 0),
      BARE(cpu.write_cr2, 9, 0x65, 0x48, 0x89, 0x3c, 0x25, 0x50, 0, 0, 0),
      BARE(cpu.swapgs, 5, 0x0f, 0x1f, 0x44, 0, 0),
      BARE(cpu.io_delay, 5, 0x0f, 0x1f, 0x44, 0, 0),
};

static bool is_encoded(const struct pv_site *site, const struct encoding *e)
{
    const u8 *code = pv_site_address(site);
    const u8 *const end = code + pv_site_length(site);

    while (*code == 0x2e)
        code++;
    /* A tail's address follows, if there is one. */
    return code + e->length <= end &&
           (code + e->length == end || e->bytes[e->length - 1] >= 0x80) &&
           !memcmp(code, e->bytes, e->length);
}

static void expect_encodings(const struct encoding *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct encoding *e = &table[i];
        u32 sites = 0, wrong = 0;

        if (((const void **)&pv_ops)[e->op] != original(e->op))
            continue; /* a mutant */
        for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++)
            if (site->op == e->op && site->kind != PV_SITE_JUMP &&
                pv_site_length(site) >= e->length) {
                sites++;
                wrong += !is_encoded(site, e);
            }
        test_expect(sites && !wrong, __FILE__, __LINE__, "%u of %u sites of %s are not as expected",
                    wrong, sites, pv_op_name(e->op));
    }
}

TEST(sites, hot_ops_are_the_instruction_itself)
{
    const bool was = pv_is_patched();

    set_patched(true);
    if (!strcmp(pv_backend_name(), "xen-pv"))
        expect_encodings(xen_pv_encodings, ARRAY_SIZE(xen_pv_encodings));
    else
        expect_encodings(native_encodings, ARRAY_SIZE(native_encodings));
    set_patched(was);
}

/* ---- What they do -----------------------------------------------------------------------------
 */

#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args, length) u64 sites_keep_##name(u64 first, u64 second);
#include "pv/ops.def"
#undef PV_OP

static u64 slot_and_entry(u64 (*set)(u64, u64), u64 va, int level)
{
    u64 *slot = mm_slot(&mm_kernel, va, level);

    return slot ? set((u64)slot, *slot) : ~0ull;
}

/* Each is called with what leaves everything as it was. */
static void expect_registers_kept(u64 va, u64 value)
{
    const pte_t pte = pv_make_pte(value);

    EXPECT_EQ(sites_keep_irq_disable(1, 2), 0);
    EXPECT_EQ(sites_keep_save_fl(1, 2), 0);
    EXPECT_EQ(sites_keep_restore_fl(0, 2), 0);
    EXPECT_EQ(sites_keep_restore_fl(PV_FLAG_IF, 2), 0);
    EXPECT_EQ(sites_keep_irq_enable(1, 2), 0);
    EXPECT_EQ(sites_keep_write_cr2(0x1000, 2), 0);
    EXPECT_EQ(sites_keep_read_cr2(1, 2), 0);
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
    EXPECT_EQ(slot_and_entry(sites_keep_set_pte, va, 1), 0);
    EXPECT_EQ(slot_and_entry(sites_keep_set_pmd, va, 2), 0);
    EXPECT_EQ(slot_and_entry(sites_keep_set_pud, va, 3), 0);
    EXPECT_EQ(slot_and_entry(sites_keep_set_pgd, va, 4), 0);
    EXPECT_EQ(sites_keep_flush_one(va, 2), 0);
    EXPECT_EQ(sites_keep_read_root(1, 2), 0);
    EXPECT_EQ(sites_keep_write_root(pv_read_root().n << PAGE_SHIFT, 2), 0);
}

TEST(sites, hot_ops_keep_every_register, save_fl, restore_fl, irq_disable, irq_enable, read_cr2,
     write_cr2, read_tsc, flush_one)
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
void sites_tail_flush_one(u64 va);
u64 sites_call_save_fl(void);
u64 sites_call_make_pte(u64 value);
u32 sites_call_cpu_count(void);

static void expect_assembly_calls(void)
{
    const u64 value = pte_value(PFN(0x200), PTE_PRESENT);

    sites_tail_flush_one(VMAP_BASE);
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

TEST(sites, tail_calls_and_calls_in_assembly_are_sites, save_fl, make_pte, irq_disable, flush_one,
     cpu_count)
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

/* ---- Another function, and none ---------------------------------------------------------------
 */

static u64 other_cr2(void)
{
    return 0x5eed;
}

TEST(sites, another_function_is_called_and_not_its_inline_form, read_cr2)
{
    const bool was = pv_is_patched();
    const void *function = replace_op(PV_INDEX(cpu.read_cr2), other_cr2);

    EXPECT_EQ(pv_read_cr2(), 0x5eed);
    EXPECT_EQ(sites_keep_read_cr2(1, 2), 0);
    set_patched(!was);
    EXPECT_EQ(pv_read_cr2(), 0x5eed);
    replace_op(PV_INDEX(cpu.read_cr2), function);
    EXPECT(pv_read_cr2() != 0x5eed);
    set_patched(was);
    EXPECT(pv_read_cr2() != 0x5eed);
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

/* ---- How they are written ---------------------------------------------------------------------
 */

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
    for (u64 va = ALIGN_DOWN((u64)_text_start, PAGE_SIZE); va < (u64)_text_end; va += PAGE_SIZE) {
        struct mm_mapping image = {0}, direct = {0};

        mm_query(&mm_kernel, va, &image);
        mm_query(&mm_kernel, DIRECT_MAP_BASE + (va - VIRT_BASE), &direct);
        if (image.prot != MM_EXEC || direct.prot != 0) {
            EXPECT_EQ(image.prot, MM_EXEC);
            EXPECT_EQ(direct.prot, 0);
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

    pv_set_fixmap(FIX_TEST, (page - VIRT_BASE) | PTE_PRESENT | PTE_WRITE | PTE_NX);
    *((volatile u8 *)fixmap_va(FIX_TEST) + ((u64)at - page)) = value;
    pv_set_fixmap(FIX_TEST, 0);
}

/* Of an op with one site, that nobody uses now: nothing is half done when it is noticed. */
TEST(sites, site_that_is_not_as_it_was_left_is_noticed, memory_map)
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
    PANICS("patch")
    pv_set_op(op, function);
    spoil(last, *last ^ 1);
    replace_op(op, function);
    set_patched(was);
    expect_all_are(was);
}

/* ---- While others run -------------------------------------------------------------------------
 */

enum { PATCHINGS = 6 };

static u32 done;

/* Every op here has an inline form on some backend. Counts what went wrong in *arg. */
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
            pv_restore_fl(flags);
            *wrong += !(pv_save_fl() & PV_FLAG_IF);
            pv_lazy_enter();
            pv_lazy_leave();
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
