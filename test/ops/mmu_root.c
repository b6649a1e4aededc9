/* SPDX-License-Identifier: MIT */
/*
 * Page-table ops for whole tables and roots: announcing, pinning and switching, and what the
 * kernel's own tables protect.
 */
#include "lib/address_map.h"
#include "lib/format.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"

extern const struct pv_guards _guards_start[], _guards_end[];
extern const char _text_start[], _rodata_start[], _image_end[], boot_stack[];

/*
 * Expect a plain store to an announced table to fault where the direct map makes tables read-only:
 * on Xen PV always.
 */
static void expect_table_guarded(u64 *slot, u64 value)
{
    const u64 before = READ_ONCE(*slot);
    struct mm_mapping m = {0};
    struct fault f = {0};

    EXPECT(mm_query(&mm_kernel, (u64)slot, &m));
    if (on_xen_pv())
        EXPECT_EQ(m.prot & MM_WRITE, 0);
    EXPECT_EQ(try_write((u64)slot, value, &f), (m.prot & MM_WRITE) != 0);
    if (!f.caught) {
        *slot = before;
    } else {
        EXPECT_EQ(f.vector, VECTOR_PF);
        EXPECT_EQ(f.error & 3, 3);
        EXPECT_EQ(f.address, slot);
    }
    EXPECT_EQ(READ_ONCE(*slot), before);
}

TEST(mmu, announced_tables_take_no_plain_stores, announce_table, release_table)
{
    const u64 free = frames_free();
    const pfn_t pfn = marked_frame(0x77);
    pfn_t table;
    u64 *slot;

    REQUIRE(pfn.n != NO_PFN);
    REQUIRE(mm_map(&mm_kernel, TEST_VA, pfn, 1, 0) == 0); /* announces the tables that it adds */
    REQUIRE(mm_slot(&mm_kernel, TEST_VA, 1));
    slot = &mm_slot(&mm_kernel, TEST_VA, 1)->raw;
    table = va_to_pfn(slot);
    /*
     * Xen emulates a store of dom0 to a table of level 1 if the value is acceptable
     * (docs/facts.md). A writable mapping of the table itself never is.
     */
    expect_table_guarded(slot, pv_make_pte(pte_value(table, PTE_PRESENT | PTE_WRITE)).raw);
    for (int level = 2; level <= PT_LEVELS; level++)
        expect_table_guarded(&mm_slot(&mm_kernel, TEST_VA, level)->raw,
                             mm_slot(&mm_kernel, TEST_VA, level)->raw);
    EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA, 1), 0); /* releases these tables */
    EXPECT_EQ(frame_get(table)->state, FRAME_FREE);
    memset(pfn_to_va(table), 0x5a, PAGE_SIZE);
    frame_free(pfn, 0);
    EXPECT_EQ(frames_free(), free);
}

/*
 * Link one table twice at this level, expect its pages at two addresses, and remove the second
 * link.
 */
static void expect_alias(struct mm_space *s, int level, u64 mark)
{
    const u64 other = USER_VA + pt_span(level);
    union pt_slot *from = mm_slot(s, USER_VA, level), *to = from + 1;
    u64 value = 0;

    REQUIRE(from && !to->raw);
    INTERRUPTS_OFF
    {
        switch (level) {
        case 2:
            pv_set_pmd(&to->pmd, pv_make_pmd(pv_pmd_val(from->pmd)));
            break;
        case 3:
            pv_set_pud(&to->pud, pv_make_pud(pv_pud_val(from->pud)));
            break;
        default:
            pv_set_pgd(&to->pgd, pv_make_pgd(pv_pgd_val(from->pgd)));
            break;
        }
        EXPECT_EQ(copy_from_user(&value, other, sizeof(value)), 0);
        EXPECT_EQ(value, mark);
        switch (level) {
        case 2:
            pv_set_pmd(&to->pmd, (pmd_t){0});
            break;
        case 3:
            pv_set_pud(&to->pud, (pud_t){0});
            break;
        default:
            pv_set_pgd(&to->pgd, (pgd_t){0});
            break;
        }
        pv_flush_tlb_user();
    }
    EXPECT_EQ(copy_from_user(&value, other, sizeof(value)), -EFAULT);
    EXPECT_EQ(copy_from_user(&value, USER_VA, sizeof(value)), 0);
}

#define LAST_USER_SLOT (PT_USER_SLOTS - 1)
#define LAST_USER_VA   ((u64)LAST_USER_SLOT << 39)

/*
 * Where user mode has a root of its own, in the frame after the kernel's, a change of one root
 * changes both.
 */
static void expect_second_root(struct mm_space *s, pfn_t pfn)
{
    const u64 far = 77ull << 39;
    const u64 *first = pfn_to_va(s->root), *second = first + PT_ENTRIES;

    if (mm_traits.root_pages < 2)
        return;
    EXPECT(first[LAST_USER_SLOT]);
    EXPECT_EQ(second[LAST_USER_SLOT], first[LAST_USER_SLOT]);
    EXPECT_EQ(mm_map(s, far, pfn, 1, 0), 0);
    EXPECT(first[77] && second[77] == first[77]);
    EXPECT_EQ(second[0], first[0]);
    EXPECT_EQ(second[pt_index(VIRT_BASE, PT_LEVELS)],
              0); /* the user's root has no kernel entries */
    EXPECT_EQ(mm_unmap(s, far, 1), 0);
    EXPECT(!first[77] && !second[77]);
}

TEST(mmu, entries_of_the_upper_levels_take_effect, set_pmd, set_pud, set_pgd, pin_root)
{
    const u64 free = frames_free();
    const pfn_t pfn = marked_frame(0x4444);
    struct mm_space s;

    REQUIRE(pfn.n != NO_PFN);
    REQUIRE(mm_space_create(&s) == 0);
    REQUIRE(mm_map(&s, USER_VA, pfn, 1, MM_WRITE) == 0);
    REQUIRE(mm_map(&s, LAST_USER_VA, pfn, 1, 0) == 0);
    REQUIRE(mm_space_activate(&s) == 0);
    for (int level = 2; level <= PT_LEVELS; level++)
        expect_alias(&s, level, 0x4444);
    expect_second_root(&s, pfn);
    REQUIRE(mm_space_activate(&mm_kernel) == 0);
    EXPECT_EQ(mm_space_destroy(&s), 0);
    frame_free(pfn, 0);
    EXPECT_EQ(frames_free(), free);
}

/* After a switch no translation of the old root's lower half may be used. */
TEST(mmu, roots_are_switched, read_cr3, write_cr3, pin_root, unpin_root)
{
    const pfn_t a = marked_frame(0xaaaa), b = marked_frame(0xbbbb);
    struct mm_space first, second;
    u64 value = 0;

    EXPECT_EQ(pv_read_cr3().n, mm_kernel.root.n);
    REQUIRE(mm_space_create(&first) == 0 && mm_space_create(&second) == 0);
    REQUIRE(mm_map(&first, USER_VA, a, 1, 0) == 0 && mm_map(&second, USER_VA, b, 1, 0) == 0);
    for (int i = 0; i < 3; i++) {
        REQUIRE(mm_space_activate(&first) == 0);
        EXPECT_EQ(pv_read_cr3().n, first.root.n);
        EXPECT(!copy_from_user(&value, USER_VA, 8) && value == 0xaaaa);
        REQUIRE(mm_space_activate(&second) == 0);
        EXPECT_EQ(pv_read_cr3().n, second.root.n);
        EXPECT(!copy_from_user(&value, USER_VA, 8) && value == 0xbbbb);
        REQUIRE(mm_space_activate(&mm_kernel) == 0);
        EXPECT_EQ(copy_from_user(&value, USER_VA, 8), -EFAULT);
    }
    EXPECT_EQ(mm_space_destroy(&first), 0);
    EXPECT_EQ(mm_space_destroy(&second), 0);
    frame_free(a, 0);
    frame_free(b, 0);
}

/* Another CPU stays in a space until this one has compared the roots. */
static struct visit {
    struct mm_space space;
    pfn_t root;
    int error;
    bool there, seen;
} visit;

static void stay_in_space(void *arg)
{
    (void)arg;
    visit.error = mm_space_activate(&visit.space);
    visit.root = pv_read_cr3();
    __atomic_store_n(&visit.there, true, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&visit.seen, __ATOMIC_SEQ_CST))
        barrier();
    visit.error |= mm_space_activate(&mm_kernel);
}

TEST(mmu, each_cpu_has_its_own_root, read_cr3, write_cr3)
{
    struct thread *visitor;
    pfn_t mine;

    NEEDS_CPUS(2);
    visit.there = visit.seen = false;
    REQUIRE(mm_space_create(&visit.space) == 0);
    visitor = thread_start("visitor", 1, stay_in_space, NULL);
    REQUIRE(visitor);
    while (!__atomic_load_n(&visit.there, __ATOMIC_SEQ_CST))
        barrier();
    mine = pv_read_cr3();
    __atomic_store_n(&visit.seen, true, __ATOMIC_SEQ_CST);
    thread_join(visitor);
    EXPECT_EQ(visit.error, 0);
    EXPECT_EQ(visit.root.n, visit.space.root.n);
    EXPECT_EQ(mine.n, mm_kernel.root.n);
    EXPECT_EQ(mm_space_destroy(&visit.space), 0);
}

/*
 * An address that is not the first entry of its table at any level, because Xen PV has checked
 * other entries before it refuses.
 */
#define ALIASED_VA ((1ull << 39) + GIB(1) + MIB(2) + PAGE_SIZE)

/*
 * A table of the tree has a writable mapping elsewhere. Xen PV refuses to pin the tree and changes
 * nothing; on bare metal nothing checks it. Without the alias pinning works.
 */
TEST(mmu, tree_with_a_writable_alias_is_not_pinned_by_xen, pin_root)
{
    const u64 free = frames_free();
    const pfn_t pfn = marked_frame(0x5555);
    struct mm_space s;
    pfn_t table;
    int error;

    REQUIRE(pfn.n != NO_PFN && mm_space_create(&s) == 0);
    REQUIRE(mm_map(&s, ALIASED_VA, pfn, 1, 0) == 0);
    table = va_to_pfn(mm_slot(&s, ALIASED_VA, 1));
    EXPECT_EQ(mm_map(&mm_kernel, TEST_VA, table, 1, MM_WRITE),
              -EINVAL); /* mm/ refuses such a mapping */
    INTERRUPTS_OFF
    {
        pv_set_fixmap(FIX_TEST, pte_value(table, PTE_PRESENT | PTE_WRITE | PTE_NX));
        error = pv_pin_root(s.root);
        EXPECT_EQ(error, on_xen_pv() ? -EINVAL : 0);
        if (!error)
            pv_unpin_root(s.root);
        *(volatile u64 *)fixmap_va(FIX_TEST) = 0; /* still plain memory through both mappings */
        *(volatile u64 *)pfn_to_va(table) = 0;
        pv_set_fixmap(FIX_TEST, 0);
        EXPECT_EQ(pv_pin_root(s.root), 0);
        pv_unpin_root(s.root);
    }
    EXPECT_EQ(mm_space_destroy(&s), 0);
    frame_free(pfn, 0);
    EXPECT_EQ(frames_free(), free);
}

static bool execute_faults(u64 va)
{
    struct fault f = {0};

    PV_TRY(f)
    {
        __asm__ volatile("call *%0" : : "r"(va) : "memory");
    }
    return f.caught && f.vector == VECTOR_PF && f.rip == va;
}

/*
 * No address of the image is writable and executable. The test's own data holds code that it tries
 * to execute.
 */
TEST(mmu, kernel_tables_protect_the_image, install_tables)
{
    static u8 ret_in_data[16] = {0xc3};
    static const u8 ret_in_rodata[16] = {0xc3};
    struct fault f = {0};

    EXPECT(!try_write((u64)_text_start, 0, &f) && f.vector == VECTOR_PF);
    EXPECT(!try_write((u64)_rodata_start, 0, &f) && f.vector == VECTOR_PF);
    EXPECT(!try_write(DIRECT_MAP + (u64)_text_start - VIRT_BASE, 0, &f) && f.vector == VECTOR_PF);
    EXPECT(!try_write(DIRECT_MAP + (u64)_rodata_start - VIRT_BASE, 0, &f));
    if (!nx_bit())
        SKIP("this CPU has no NX, so every mapped page is executable");
    EXPECT(execute_faults((u64)ret_in_data));
    EXPECT(execute_faults((u64)ret_in_rodata));
    EXPECT(execute_faults(DIRECT_MAP + (u64)ret_in_data - VIRT_BASE));
    EXPECT(execute_faults(DIRECT_MAP + (u64)_text_start - VIRT_BASE));
}

extern const u8 thread_stacks[THREADS_MAX][THREAD_STACK_STRIDE]; /* kernel/switch.S */

TEST(mmu, kernel_tables_map_only_the_declared_ranges, mmu_init, early_map, install_tables)
{
    struct fault f = {0};
    u64 value;

    EXPECT(!try_read((u64)_text_start - VIRT_BASE, &value, &f)); /* no identity map */
    EXPECT(!try_read(VIRT_BASE, &value, &f));
    EXPECT(!try_read((u64)_image_end + PAGE_SIZE, &value, &f));
    EXPECT(!try_read((u64)boot_stack - 8, &value, &f) && f.vector == VECTOR_PF);
    EXPECT(_guards_end - _guards_start >= 3);
    for (u32 i = 0; i < THREADS_MAX; i++)
        EXPECT(!try_read((u64)thread_stacks[i], &value, &f));
    for (const struct pv_guards *g = _guards_start; g < _guards_end; g++)
        for (u64 i = 0, guard = g->first; i < g->count; i++, guard += g->stride) {
            EXPECT(!try_read(guard, &value, &f));
            EXPECT(!try_read(guard + PAGE_SIZE - 8, &value, &f));
            EXPECT(try_read(guard + PAGE_SIZE, &value, &f)); /* the stack's first page */
        }
    EXPECT(!try_read(VMAP_BASE, &value, &f));
    EXPECT_EQ(mm_traits.root_pages, on_xen_pv() ? 2 : 1);
    EXPECT(mm_traits.leaf_levels & 2);
    /* The direct map includes the frames that early_map has filled. */
    EXPECT_EQ(((u64 *)pfn_to_va(mm_kernel.root))[pt_index(VIRT_BASE, PT_LEVELS)] & PTE_PRESENT, 1);
}

/*
 * With SMAP the kernel reaches user pages only between user_access_begin and user_access_end;
 * without it always.
 */
TEST(mmu, user_pages_only_between_begin_and_end, user_access_begin, user_access_end)
{
    const pfn_t pfn = marked_frame(0x6666);
    struct pv_features features;
    struct fault f = {0};
    struct mm_space s;
    u64 value = 0;

    pv_cpu_features(&features);
    REQUIRE(pfn.n != NO_PFN && mm_space_create(&s) == 0);
    REQUIRE(mm_map(&s, USER_VA, pfn, 1, MM_WRITE | MM_EXEC) == 0);
    REQUIRE(mm_space_activate(&s) == 0);
    pv_user_access_begin();
    EXPECT(try_read(USER_VA, &value, &f) && value == 0x6666);
    pv_user_access_end();
    EXPECT_EQ(try_read(USER_VA, &value, &f), !features.smap);
    if (f.caught)
        EXPECT_EQ(f.error & 5, 1); /* protection violation in supervisor mode */
    EXPECT_EQ(mm_space_activate(&mm_kernel), 0);
    EXPECT_EQ(mm_space_destroy(&s), 0);
    frame_free(pfn, 0);
}

/*
 * Map a page table writable: Xen refuses, the op panics with the frame's number, and nothing has
 * changed.
 */
TEST(mmu, refused_entries_are_reported_with_the_frame, set_pte)
{
    const u64 value = pte_value(mm_kernel.root, PTE_PRESENT | PTE_WRITE | PTE_NX);
    const pfn_t pfn = marked_frame(0x7777);
    char frame[32];
    pte_t *slot;

    if (!on_xen_pv())
        SKIP("this platform does not validate entries of page tables");
    REQUIRE(pfn.n != NO_PFN && mm_map(&mm_kernel, TEST_VA, pfn, 1, 0) == 0);
    slot = &mm_slot(&mm_kernel, TEST_VA, 1)->pte;
    INTERRUPTS_OFF
    {
        PANICS("set entry")
        pv_set_pte(slot, pv_make_pte(value));
    }
    ksnprintf(frame, sizeof(frame), "*frame %llx,*", (unsigned long long)mm_kernel.root.n);
    EXPECT(glob_match(frame, caught_panic));
    EXPECT_EQ(*(volatile u64 *)TEST_VA, 0x7777);
    EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA, 1), 0);
    frame_free(pfn, 0);
}

/*
 * With SMEP the kernel cannot execute user pages. A Xen PV kernel can, because it runs at the
 * privilege level of user code.
 */
TEST(mmu, user_pages_are_not_the_kernels_to_execute, install_tables)
{
    const pfn_t pfn = marked_frame(0xc3c3c3c3c3c3c3c3); /* ret */
    struct pv_features features;
    struct mm_space s;

    pv_cpu_features(&features);
    REQUIRE(pfn.n != NO_PFN && mm_space_create(&s) == 0);
    REQUIRE(mm_map(&s, USER_VA, pfn, 1, MM_EXEC) == 0);
    REQUIRE(mm_map(&s, USER_VA + PAGE_SIZE, pfn, 1, 0) == 0);
    REQUIRE(mm_space_activate(&s) == 0);
    EXPECT_EQ(execute_faults(USER_VA), features.smep);
    EXPECT_EQ(execute_faults(USER_VA + PAGE_SIZE), features.smep || features.nx);
    EXPECT_EQ(mm_space_activate(&mm_kernel), 0);
    EXPECT_EQ(mm_space_destroy(&s), 0);
    frame_free(pfn, 0);
}
