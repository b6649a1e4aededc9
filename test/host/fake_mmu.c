/* SPDX-License-Identifier: MIT */
/*
 * A machine for mm/ on the host: RAM, and a strict implementation of the page-table ops. See
 * fake_mmu.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pv/pv.h"
#include "fake_mmu.h"

#define QUEUE_MAX 64

struct pv_ops pv_ops;
struct pv_mmu_traits mm_traits;
u64 mm_ram_frames = FAKE_FRAMES;
static void preemption_point(void);
static const struct pv_callbacks callbacks = {.reschedule = preemption_point};
const struct pv_callbacks *pv_callbacks = &callbacks;
jmp_buf fake_panic_return;
bool fake_panic_armed;
char fake_panic_text[256];

static struct frame db[FAKE_FRAMES];
static struct frame_range ram = {.start = 16, .end = FAKE_FRAMES};
static u64 *shadow[FAKE_FRAMES]; /* the required contents of each announced table */
static struct {
    u64 *slot, raw;
} queue[QUEUE_MAX];
static u32 queued, depth;

#define FAKE_REQUIRE(condition, ...) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "fake_mmu: " __VA_ARGS__); \
            fputc('\n', stderr); \
            abort(); \
        } \
    } while (0)

/* Do nothing, because all of the fake's memory is mapped. */
void kernel_tables_open(pfn_t first, u64 count)
{
    (void)first;
    (void)count;
}

void pv_panic(const char *op, const char *fmt, ...)
{
    va_list ap;
    int len = snprintf(fake_panic_text, sizeof(fake_panic_text), "%s: ", op);

    va_start(ap, fmt);
    vsnprintf(fake_panic_text + len, sizeof(fake_panic_text) - (size_t)len, fmt, ap);
    va_end(ap);
    FAKE_REQUIRE(fake_panic_armed, "panic: %s", fake_panic_text);
    fake_panic_armed = false;
    longjmp(fake_panic_return, 1);
}

u64 user_copy(void *to, const void *from, u64 count);
u64 user_copy(void *to, const void *from, u64 count)
{
    memcpy(to, from, count);
    return 0;
}

static u64 machine; /* an odd number, which another machine has another of */

/*
 * Translate a frame to its machine frame or back: the function is its own inverse and changes every
 * number.
 */
static u64 swap_number(u64 n)
{
    return n ^ machine;
}

static u64 swap_frame_of_entry(u64 entry)
{
    return entry & PTE_PRESENT && !(entry & PTE_FOREIGN)
               ? pte_value(PFN(swap_number(value_pfn(entry).n)), entry & PTE_FLAGS_MASK)
               : entry;
}

/* Apply all delayed changes, in order. */
static void apply_queued(void)
{
    for (u32 i = 0; i < queued; i++) {
        const u64 pfn = va_to_pfn(queue[i].slot).n;

        FAKE_REQUIRE(pfn < FAKE_FRAMES && shadow[pfn], "an op on frame %#lx, no announced table",
                     (unsigned long)pfn);
        *queue[i].slot = queue[i].raw;
        shadow[pfn][(u64)queue[i].slot % PAGE_SIZE / 8] = queue[i].raw;
    }
    queued = 0;
}

static void queue_change(u64 *slot, u64 raw)
{
    queue[queued].slot = slot;
    queue[queued++].raw = raw;
    if (!depth || queued == QUEUE_MAX)
        apply_queued();
}

/* Announcing a table takes effect after the changes that were queued before it. */
static void announce(pfn_t pfn, int level)
{
    (void)level;
    apply_queued();
    FAKE_REQUIRE(!shadow[pfn.n], "frame %#lx is announced twice", (unsigned long)pfn.n);
    shadow[pfn.n] = malloc(PAGE_SIZE);
    memcpy(shadow[pfn.n], pfn_to_va(pfn), PAGE_SIZE);
}

static void release(pfn_t pfn, int level)
{
    (void)level;
    apply_queued();
    FAKE_REQUIRE(shadow[pfn.n], "frame %#lx is released but was not announced",
                 (unsigned long)pfn.n);
    free(shadow[pfn.n]);
    shadow[pfn.n] = NULL;
}

static void each_table(pfn_t table, int level, u32 slots, void (*visit)(pfn_t, int))
{
    const u64 *t = pfn_to_va(table);

    for (u32 i = 0; i < slots && level > 1; i++)
        if (t[i] & PTE_PRESENT && !(t[i] & PTE_PSE))
            each_table(value_pfn(swap_frame_of_entry(t[i])), level - 1, PT_ENTRIES, visit);
    visit(table, level);
}

static int pin(pfn_t root)
{
    apply_queued();
    each_table(root, PT_LEVELS, PT_USER_SLOTS, announce);
    return 0;
}

static void unpin(pfn_t root)
{
    apply_queued();
    each_table(root, PT_LEVELS, PT_USER_SLOTS, release);
}

/* ---- Suspend ---- */

u32 fake_suspend_at;

/* The machine's only CPU. The kernel finds it by %gs; the host never uses it. */
static struct pv_cpu_area area = {.self = &area};

/* What a toolstack does with the tables that it finds; the frames that they name have to be in use.
 */
static void translate_tables(u64 to)
{
    for (u64 i = 0; i < FAKE_FRAMES; i++)
        for (u64 *entry = pfn_to_va(PFN(i)), n = 0; shadow[i] && n < PT_ENTRIES; n++, entry++) {
            if (!(*entry & PTE_PRESENT) || *entry & PTE_FOREIGN)
                continue;
            FAKE_REQUIRE(frame_get(value_pfn(swap_frame_of_entry(*entry)))->state != FRAME_FREE,
                         "an announced table leads to a free frame");
            *entry ^= (machine ^ to) << PAGE_SHIFT;
            shadow[i][n] = *entry;
        }
    machine = to;
}

static void suspend(void)
{
    apply_queued();
    FAKE_REQUIRE(!mm_suspend_begin(), "the tables are refused");
    translate_tables(machine ^ 0x2c8);
    mm_suspend_end();
}

/* Another thread may run here if no lock is held. */
static void preemption_point(void)
{
    if (fake_suspend_at && !area.spinlocks && !--fake_suspend_at)
        suspend();
}

#define LEVEL(type) \
    static type##_t make_##type(u64 value) \
    { \
        return (type##_t){swap_frame_of_entry(value)}; \
    } \
    static u64 type##_val(type##_t entry) \
    { \
        preemption_point(); \
        return swap_frame_of_entry(entry.raw); \
    } \
    static void set_##type(type##_t *slot, type##_t entry) \
    { \
        queue_change(&slot->raw, entry.raw); \
    }

LEVEL(pte)
LEVEL(pmd)
LEVEL(pud)
LEVEL(pgd)

static void set_ptes(pte_t *slot, u64 value, u32 count)
{
    for (; count; count--, slot++, value += PAGE_SIZE)
        queue_change(&slot->raw, swap_frame_of_entry(value));
}

static void init_ptes(pte_t *slot, u64 value, u32 count)
{
    for (; count; count--, slot++, value += PAGE_SIZE)
        slot->raw = swap_frame_of_entry(value);
}

static void clear_ptes(pte_t *slot, u32 count)
{
    for (; count; count--, slot++)
        queue_change(&slot->raw, 0);
}

static pte_t ptep_modify_prot_start(pte_t *slot)
{
    return *slot;
}

static void ptep_modify_prot_commit(pte_t *slot, pte_t old, pte_t changed)
{
    queue_change(&slot->raw, changed.raw | (old.raw & (PTE_ACCESSED | PTE_DIRTY)));
}

static void lazy_enter(void)
{
    depth++;
}

static void lazy_leave(void)
{
    if (!--depth)
        apply_queued();
}

static void write_cr3(pfn_t root)
{
    apply_queued();
    FAKE_REQUIRE(shadow[root.n], "a root that is not pinned");
}

static void nop(void)
{
}

struct fake_flushes fake_flushes;

static void flush_tlb_one(u64 va)
{
    if (!fake_flushes.pages++)
        fake_flushes.first = va;
    fake_flushes.last = va;
    fake_flushes.free_frames = frames_free();
}

static void flush_tlb_user(void)
{
    fake_flushes.user++;
}

static void flush_tlb_kernel(void)
{
    fake_flushes.kernel++;
}

u32 fake_balloon_room, fake_balloon_most;

static s64 balloon_adjust(pfn_t first, u64 count, bool give)
{
    (void)first;
    if (!give)
        return (s64)MIN(count, (u64)fake_balloon_most);
    if (fake_balloon_room < count)
        return -ENOMEM;
    fake_balloon_room -= (u32)count;
    return (s64)count;
}

bool fake_refuses_contiguous;

static int make_contiguous(pfn_t first, u32 order, u32 bits)
{
    (void)first, (void)order, (void)bits;
    return fake_refuses_contiguous ? -ENOMEM : 0;
}

static const struct pv_mmu_ops ops = {
    .make_pte = make_pte,
    .pte_val = pte_val,
    .make_pmd = make_pmd,
    .pmd_val = pmd_val,
    .make_pud = make_pud,
    .pud_val = pud_val,
    .make_pgd = make_pgd,
    .pgd_val = pgd_val,
    .set_pte = set_pte,
    .set_pmd = set_pmd,
    .set_pud = set_pud,
    .set_pgd = set_pgd,
    .set_ptes = set_ptes,
    .init_ptes = init_ptes,
    .clear_ptes = clear_ptes,
    .ptep_modify_prot_start = ptep_modify_prot_start,
    .ptep_modify_prot_commit = ptep_modify_prot_commit,
    .announce_table = announce,
    .release_table = release,
    .pin_root = pin,
    .unpin_root = unpin,
    .write_cr3 = write_cr3,
    .flush_tlb_one = flush_tlb_one,
    .flush_tlb_user = flush_tlb_user,
    .flush_tlb_kernel = flush_tlb_kernel,
    .lazy_enter = lazy_enter,
    .lazy_leave = lazy_leave,
    .lazy_flush = apply_queued,
    .user_access_begin = nop,
    .user_access_end = nop,
    .make_contiguous = make_contiguous,
};

static const struct pv_host_ops host_ops = {
    .balloon_adjust = balloon_adjust,
};

static u64 save_fl(void)
{
    return fake_suspend_at ? PV_FLAG_IF : 0;
}

static void restore_fl(u64 flags)
{
    (void)flags;
}

static const struct pv_flag_ops flag_ops = {
    .save_fl = save_fl,
    .restore_fl = restore_fl,
    .irq_disable = nop,
};

static void make_kernel_root(void)
{
    const pfn_t root = frame_alloc(0, FRAME_ZEROED, FRAME_TABLE);
    const pfn_t pud = frame_alloc(0, FRAME_ZEROED, FRAME_TABLE);

    ((u64 *)pfn_to_va(root))[pt_index(VMAP_BASE, PT_LEVELS)] =
        swap_frame_of_entry(pte_value(pud, PTE_PRESENT | PTE_WRITE));
    frame_get(root)->used = frame_get(pud)->used = FRAME_PERMANENT;
    announce(root, 4);
    announce(pud, 3);
    mm_kernel_init(root);
}

void fake_reset(void)
{
    static bool mapped;
    void *at = (void *)DIRECT_MAP;

    if (!mapped)
        FAKE_REQUIRE(mmap(at, FAKE_FRAMES * PAGE_SIZE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at,
                     "no room for RAM");
    mapped = true;
    for (u64 i = 0; i < FAKE_FRAMES; i++) {
        free(shadow[i]);
        shadow[i] = NULL;
    }
    queued = depth = fake_suspend_at = 0;
    machine = 0x5a5;
    fake_flushes = (struct fake_flushes){0};
    fake_balloon_room = fake_balloon_most = FAKE_FRAMES;
    fake_refuses_contiguous = false;
    FAKE_REQUIRE(!syscall(SYS_arch_prctl, ARCH_SET_GS, &area), "no GS base");
    area.spinlocks = 0;
    area.need_switch = true;
    pv_ops.mmu = ops;
    pv_ops.host = host_ops;
    pv_ops.flag = flag_ops;
    mm_traits = (struct pv_mmu_traits){.leaf_levels = 6, .root_pages = 2};
    memset(db, 0xee, sizeof(db)); /* mm/ must not rely on a zeroed table of frames */
    frame_tables_clear();
    frame_tables_add(0, (FAKE_FRAMES + FRAME_SECTION - 1) / FRAME_SECTION, db);
    frame_init(FAKE_FRAMES, &ram, 1, &ram, 1);
    make_kernel_root();
}

void fake_check(void)
{
    apply_queued();
    FAKE_REQUIRE(!area.spinlocks, "a lock is still held");
    for (u64 i = 0; i < FAKE_FRAMES; i++)
        FAKE_REQUIRE(!shadow[i] || !memcmp(shadow[i], pfn_to_va(PFN(i)), PAGE_SIZE),
                     "a plain store to the announced table in frame %#lx", (unsigned long)i);
}

u64 fake_walk(pfn_t root, u64 va)
{
    u64 entry = pte_value(PFN(swap_number(root.n)), PTE_PRESENT);

    for (int level = PT_LEVELS; level > 0; level--) {
        const u64 *table = pfn_to_va(PFN(swap_number(value_pfn(entry).n)));

        entry = table[pt_index(va, level)];
        if (!(entry & PTE_PRESENT))
            return 0;
        if (entry & PTE_PSE)
            return entry;
    }
    return entry;
}
