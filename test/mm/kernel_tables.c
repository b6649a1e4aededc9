/* SPDX-License-Identifier: MIT */
/* Walk the kernel's page tables and check every leaf: no page is writable and executable. */
#include "mm/pt_slot.h"
#include "test/harness/mm_util.h"

extern const u8 _text_start[], _text_end[];

static struct {
    u64 leaves, executable;
    u64 writable_and_executable,
        executable_elsewhere; /* how many, and the address of the last one */
    u64 wrong_va;
} seen;

static void check_leaf(u64 va, u64 value, u64 span)
{
    const bool in_text = va >= ALIGN_DOWN((u64)_text_start, PAGE_SIZE) &&
                         va + span <= ALIGN_UP((u64)_text_end, PAGE_SIZE);

    seen.leaves++;
    if (value & PTE_NX)
        return;
    seen.executable++;
    seen.writable_and_executable += (value & PTE_WRITE) != 0;
    seen.executable_elsewhere += !in_text;
    if (value & PTE_WRITE || !in_text)
        seen.wrong_va = va;
}

/*
 * An entry that points to a table may have PTE_WRITE set and PTE_NX clear: the rights of a page are
 * those that all levels allow.
 */
static void check_table(pfn_t table, int level, u64 base, u32 first)
{
    const u64 *entries = pfn_to_va(table);

    for (u32 i = first; i < PT_ENTRIES; i++) {
        const u64 value = slot_value(level, READ_ONCE(entries[i]));
        const u64 va = base + i * pt_span(level);

        if (!(value & PTE_PRESENT) || (level > 1 && value & PTE_FOREIGN))
            continue; /* the guest cannot read the hypervisor's own tables */
        if (level == 1 || value & PTE_PSE)
            check_leaf(va, value, pt_span(level));
        else
            check_table(value_pfn(value), level - 1, va, 0);
    }
}

TEST(mmu, no_kernel_page_is_writable_and_executable, install_tables)
{
    const u64 upper_half = ~(USER_END - 1) - pt_index(USER_END, PT_LEVELS) * pt_span(PT_LEVELS);

    memset(&seen, 0, sizeof(seen));
    check_table(mm_kernel.root, PT_LEVELS, upper_half, pt_index(DIRECT_MAP_BASE, PT_LEVELS));
    EXPECT(seen.leaves > 100);
    EXPECT(seen.executable);
    if (!nx_bit())
        SKIP("this CPU has no NX, so every mapped page is executable");
    EXPECT_EQ(seen.writable_and_executable, 0);
    EXPECT_EQ(seen.executable_elsewhere, 0);
    if (seen.wrong_va)
        print("# the last one is at %llx\n", (unsigned long long)seen.wrong_va);
    print("# %llu leaves, %llu executable\n", (unsigned long long)seen.leaves,
          (unsigned long long)seen.executable);
}
