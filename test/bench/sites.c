/* SPDX-License-Identifier: MIT */
/*
 * Check of what patching promises: on bare metal a hot op costs what its instruction costs. The
 * group "bare" of the payload "bench" prints by how many ticks a thousand calls of an op take
 * longer than the instruction executed a thousand times in its place. Where a tick is one
 * instruction, this must be 0 (tools/paravane/bench/bench.py).
 */
#include "lib/string.h"
#include "mm/space.h"
#include "pv/pv.h"
#include "test/bench/bench.h"

#define COUNT 1000

static u64 ticks_of(void (*loop)(u64))
{
    u64 least = ~0ull;

    for (u32 i = 0; i < 3; i++) {
        const u64 before = pv_read_tsc();

        loop(0x200063);
        least = MIN(least, pv_read_tsc() - before);
    }
    return least;
}

/* Return the difference, at least 0: without -icount the ticks vary. */
static u64 more_ticks(void (*op)(u64), void (*bare)(u64))
{
    u64 of_op, of_bare;

    if (!strcmp(pv_backend_name(), "xen-pv"))
        return bench_none("on Xen PV these ops are not single instructions");
    of_op = ticks_of(op);
    of_bare = ticks_of(bare);
    return MAX(of_op, of_bare) - of_bare;
}

/* Keep the compiler from removing an unused value. */
#define USED(x) __asm__ volatile("" : : "r"(x))

#define AGAINST_BARE(ident, call, ...) \
    static void loop_##ident(u64 v) \
    { \
        for (u32 i = COUNT; i; i--) { \
            call; \
            USED(v); \
        } \
    } \
    static void bare_##ident(u64 v) \
    { \
        for (u32 i = COUNT; i; i--) { \
            __VA_ARGS__; \
            USED(v); \
        } \
    } \
    BENCH(bare, ident, "ticks more than 1000 bare instructions") \
    { \
        return more_ticks(loop_##ident, bare_##ident); \
    }

static u64 word;

// clang-format off
AGAINST_BARE(irq_disable, pv_irq_disable(),
             __asm__ volatile("cli" ::: "memory"))
AGAINST_BARE(irq_enable, pv_irq_enable(),
             __asm__ volatile("sti" ::: "memory"))
AGAINST_BARE(save_fl, USED(pv_save_fl()),
             u64 f; __asm__ volatile("pushfq; popq %0" : "=a"(f) :: "memory"); USED(f))
AGAINST_BARE(restore_fl, pv_restore_fl(v & 1),
             __asm__ volatile("pushq %0; popfq" :: "D"(v & 1) : "memory", "cc"))
AGAINST_BARE(read_cr2, USED(pv_read_cr2()),
             u64 a; __asm__ volatile("mov %%cr2, %0" : "=a"(a)); USED(a))
AGAINST_BARE(write_cr2, pv_write_cr2(v),
             __asm__ volatile("mov %0, %%cr2" :: "D"(v)))
AGAINST_BARE(read_cr3, USED(pv_read_cr3().n),
             u64 a; __asm__ volatile("mov %%cr3, %0" : "=a"(a)); USED(a >> PAGE_SHIFT))
AGAINST_BARE(write_cr3, pv_write_cr3(mm_kernel.root),
             __asm__ volatile("mov %0, %%cr3" :: "D"(mm_kernel.root.n << PAGE_SHIFT) : "memory"))
AGAINST_BARE(flush_tlb_one, pv_flush_tlb_one(v),
             __asm__ volatile("invlpg (%0)" :: "D"(v) : "memory"))
AGAINST_BARE(read_tsc, USED(pv_read_tsc()),
             u32 a, d; __asm__ volatile("rdtsc" : "=a"(a), "=d"(d)); USED(a | (u64)d << 32))
AGAINST_BARE(set_pte, pv_set_pte((pte_t *)&word, (pte_t){v}),
             __asm__ volatile("movq %1, (%0)" :: "D"(&word), "S"(v) : "memory"))
AGAINST_BARE(make_pte, USED(pv_make_pte(v).raw),
             u64 a; __asm__ volatile("movq %1, %0" : "=a"(a) : "D"(v)); USED(a))
AGAINST_BARE(pte_val, USED(pv_pte_val((pte_t){v})),
             u64 a; __asm__ volatile("movq %1, %0" : "=a"(a) : "D"(v)); USED(a))
