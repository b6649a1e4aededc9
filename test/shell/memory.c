/* SPDX-License-Identifier: MIT */
/* Memory: the buffers, the pages to try ops on, reading, writing, and walks of the page tables. */
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "mm/space.h"
#include "mm/vmap.h"
#include "test/shell/shell.h"

#define PAGES_VA (VMAP_END - GIB(4)) /* no vmap reaches it; tests use other addresses */
#define PEEK_MAX 64                  /* words */

u8 (*shell_buffers)[PAGE_SIZE];

u64 shell_buffer_room(u64 address)
{
    const u64 offset = address - (u64)shell_buffers;

    return offset < SHELL_BUFFERS * PAGE_SIZE ? PAGE_SIZE - offset % PAGE_SIZE : 0;
}

/* ---- The pages to try ops on */

struct shell_pages shell_pages = {.va = PAGES_VA};

static u64 first_value; /* of the entry of the first page, as it was mapped */

/* The pages' frames are contiguous, so that set_ptes can map them by one call. */
bool shell_memory_init(void)
{
    struct shell_pages *p = &shell_pages;

    shell_buffers = vmalloc(SHELL_BUFFERS * PAGE_SIZE);
    if (!shell_buffers)
        return false;
    memset(shell_buffers, 0, SHELL_BUFFERS * PAGE_SIZE);
    p->pfn = frame_alloc(2, FRAME_ZEROED, FRAME_KERNEL);
    if (p->pfn.n == PFN_INVALID.n || mm_map(&mm_kernel, p->va, p->pfn, SHELL_PAGES, MM_WRITE))
        return false;
    p->slot = &mm_slot(&mm_kernel, p->va, 1)->pte;
    first_value = pv_pte_val(*p->slot);
    shell_set("page", p->va);
    shell_set("pfn", p->pfn.n);
    shell_set("slot", (u64)p->slot);
    return true;
}

static void map_again(void *arg)
{
    (void)arg;
    pv_irq_disable();
    pv_set_ptes(shell_pages.slot, first_value, SHELL_PAGES);
    pv_flush_tlb_kernel();
    pv_irq_enable();
}

SHELL_COMMAND(page, "", "map the pages at $page as at the start: frames $pfn, entries at $slot")
{
    struct shell_trial t;

    if (!shell_try(&t, map_again, NULL))
        shell_print_trial(&t);
    print("$page = %#llx, $pfn = %#llx, $slot = %#llx\n", (unsigned long long)shell_pages.va,
          (unsigned long long)shell_pages.pfn.n, (unsigned long long)(u64)shell_pages.slot);
}

/* ---- Reading and writing */

struct access {
    u64 address, value;
    u32 size;
};

static void read_memory(void *arg)
{
    struct access *a = arg;

    a->value = *(const volatile u64 *)a->address;
}

static void write_memory(void *arg)
{
    const struct access *a = arg;

    *(volatile u64 *)a->address = a->value;
}

SHELL_COMMAND(peek, "ADDRESS [COUNT]", "print words of 8 bytes; an address that faults is reported")
{
    struct shell_trial t;
    struct access a = {0};
    u64 count = 1;

    if (words->count < 2 || words->count > 3)
        shell_error("peek takes an address and a count");
    else if (shell_value(words->word[1], &a.address) &&
             (words->count < 3 || shell_number(words->word[2], "count", PEEK_MAX, &count)))
        for (; count; count--, a.address += sizeof(u64)) {
            print("%#llx: ", (unsigned long long)a.address);
            if (!shell_try(&t, read_memory, &a)) {
                shell_print_trial(&t);
                return;
            }
            print("%016llx\n", (unsigned long long)a.value);
            shell_set("r", a.value);
        }
}

/* The buffers and the pages are the monitor's; a write to anything else needs the word really. */
static const char *poke_rule(u64 address)
{
    if (shell_buffer_room(address) >= sizeof(u64))
        return NULL;
    if (address >= PAGES_VA && address <= PAGES_VA + SHELL_PAGES * PAGE_SIZE - sizeof(u64))
        return NULL;
    return "only the buffers (&a to &h) and the pages at $page are the monitor's";
}

SHELL_COMMAND(poke, "ADDRESS VALUE...", "write words of 8 bytes")
{
    struct shell_trial t;
    struct access a = {0};

    if (words->count < 3) {
        shell_error("poke takes an address and values");
        return;
    }
    if (!shell_value(words->word[1], &a.address))
        return;
    for (u32 i = 2; i < words->count; i++, a.address += sizeof(u64)) {
        if (!shell_value(words->word[i], &a.value) || shell_refuses(really, poke_rule(a.address)))
            return;
        if (!shell_try(&t, write_memory, &a)) {
            print("%#llx: ", (unsigned long long)a.address);
            shell_print_trial(&t);
            return;
        }
    }
}

SHELL_COMMAND(text, "BUFFER TEXT...", "write a text to a buffer, and its length to $len")
{
    const char *text;
    u64 address;

    if (words->count < 3) {
        shell_error("text takes a buffer and a text");
        return;
    }
    if (!shell_value(words->word[1], &address))
        return;
    text = words_rest(words, 2);
    if (shell_buffer_room(address) <= strlen(text)) {
        shell_error("%s: not a buffer with room for the text", words->word[1]);
        return;
    }
    memcpy((char *)address, text, strlen(text) + 1);
    shell_set("len", strlen(text));
}

/* ---- Walks */

static const struct {
    u64 bit;
    const char *name;
} bits[] = {
    {PTE_WRITE, "write"},   {PTE_USER, "user"},         {PTE_PWT, "pwt"},
    {PTE_PCD, "pcd"},       {PTE_ACCESSED, "accessed"}, {PTE_DIRTY, "dirty"},
    {PTE_GLOBAL, "global"}, {PTE_FOREIGN, "foreign"},   {PTE_NX, "nx"},
};

static void print_bits(u64 value)
{
    for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
        if (value & bits[i].bit)
            print(" %s", bits[i].name);
}

static bool is_leaf(int level, u64 value)
{
    return level == 1 || value & PTE_PSE;
}

/* Print the entry; return whether it leads to a table of this guest. */
static bool print_entry(int level, u64 va, const union pt_slot *slot, u64 value)
{
    const pfn_t pfn = value_pfn(value);

    print("  level %d, entry %3u at %#llx: %016llx", level, pt_index(va, level),
          (unsigned long long)(u64)slot, (unsigned long long)slot->raw);
    if (!(value & PTE_PRESENT)) {
        print(" not present\n");
        return false;
    }
    if (value & PTE_FOREIGN)
        print(" mfn %#llx", (unsigned long long)pfn.n);
    else
        print(" pfn %#llx, mfn %#llx, back to pfn %#llx", (unsigned long long)pfn.n,
              (unsigned long long)pv_pfn_to_mfn(pfn).n,
              (unsigned long long)pv_mfn_to_pfn(pv_pfn_to_mfn(pfn)).n);
    print("%s:", is_leaf(level, value) ? ", maps a page" : "");
    print_bits(value);
    print("\n");
    return !is_leaf(level, value) && !(value & PTE_FOREIGN);
}

struct walk {
    u64 va, value;
    int level;
};

static void walk_tables(void *arg)
{
    struct walk *w = arg;
    pfn_t table = pv_read_cr3();

    print("  root: pfn %#llx\n", (unsigned long long)table.n);
    for (w->level = PT_LEVELS; w->level; w->level--) {
        const union pt_slot *slot = pfn_to_va(table);

        slot += pt_index(w->va, w->level);
        w->value = slot_value(w->level, slot->raw);
        if (!print_entry(w->level, w->va, slot, w->value))
            return;
        table = value_pfn(w->value);
    }
}

static void print_end_of_walk(const struct walk *w)
{
    const u64 page = w->level > 1 ? pt_span(w->level) : PAGE_SIZE;

    if (!(w->value & PTE_PRESENT))
        print("  nothing is mapped there\n");
    else if (!is_leaf(w->level, w->value))
        print("  the table belongs to the hypervisor: the walk ends here\n");
    else if (w->value & PTE_FOREIGN)
        print("  the frame is not this guest's: another domain's, or a device's\n");
    else
        print(
            "  physical address %#llx\n",
            (unsigned long long)((w->value & PTE_FRAME_MASK & ~(page - 1)) | (w->va & (page - 1))));
}

SHELL_COMMAND(walk, "ADDRESS", "walk the page tables to an address, each entry decoded")
{
    struct walk w = {0};
    struct shell_trial t;

    if (words->count != 2) {
        shell_error("walk takes one address");
        return;
    }
    if (!shell_value(words->word[1], &w.va))
        return;
    if ((u64)((s64)(w.va << 16) >> 16) != w.va) {
        shell_error("%s is not canonical: bits 47 to 63 must be the same", words->word[1]);
        return;
    }
    if (shell_try(&t, walk_tables, &w)) {
        print_end_of_walk(&w);
    } else {
        print("  the table ");
        shell_print_trial(&t);
    }
}
