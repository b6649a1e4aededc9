/* SPDX-License-Identifier: MIT */
/*
 * Mutants: mutate=OP:KIND replaces one op of the table by a wrong one, which the suite must detect.
 * tools/paravane/mutants/mutations.py lists the pairs that make sense. Every op takes at most three
 * arguments, each in a register, and returns at most one word, so one function for each kind serves
 * all ops.
 */
#include "kernel/registry.h"
#include "lib/string.h"
#include "mm/space.h"
#include "pv/patch/patch.h"
#include "test/harness/test.h"

#define ARGUMENTS u64 a, u64 b, u64 c

static u64 (*right)(ARGUMENTS);

/* Replacement for pointer arguments: memory that no test reads. */
static u8 scratch[PAGE_SIZE] __aligned(PAGE_SIZE);

/* Not a mutant: proves that the replacement alone is not detected. */
static u64 same(ARGUMENTS)
{
    return right(a, b, c);
}

static u64 nop(ARGUMENTS)
{
    (void)a, (void)b, (void)c;
    return 0;
}

static u64 one(ARGUMENTS)
{
    return nop(a, b, c) + 1;
}

static u64 ones(ARGUMENTS)
{
    return nop(a, b, c) - 1;
}

static u64 more(ARGUMENTS)
{
    return right(a, b, c) + 1;
}

/* Return the result of the previous call; the first call is correct. */
static u64 stale(ARGUMENTS)
{
    static bool called;
    static u64 last;
    const u64 now = right(a, b, c), before = called ? last : now;

    called = true;
    last = now;
    return before;
}

/* Do what the previous call was asked to do; the first call does nothing. */
static u64 late(ARGUMENTS)
{
    static bool called;
    static u64 last[3];
    const u64 x = last[0], y = last[1], z = last[2];
    const bool first = !called;

    called = true;
    last[0] = a, last[1] = b, last[2] = c;
    return first ? 0 : right(x, y, z);
}

/* set_fixmap without a flush of the TLB. */
static u64 noflush(ARGUMENTS)
{
    pte_t *slot = &mm_slot(&mm_kernel, (u64)fixmap_va((enum pv_fixmap)a), 1)->pte;

    (void)c;
    pv_set_pte(slot, pv_make_pte(b));
    return 0;
}

#define WITH_ARGUMENTS(kind, x, y, z) \
    static u64 kind(ARGUMENTS) \
    { \
        (void)a, (void)b, (void)c; \
        return right(x, y, z); \
    }
WITH_ARGUMENTS(more1, a + 1, b, c)
WITH_ARGUMENTS(more2, a, b + 1, c)
WITH_ARGUMENTS(more3, a, b, c + 1)
WITH_ARGUMENTS(zero1, 0, b, c)
WITH_ARGUMENTS(zero2, a, 0, c)
WITH_ARGUMENTS(zero3, a, b, 0)
WITH_ARGUMENTS(next1, a + sizeof(u64), b, c)
WITH_ARGUMENTS(lost1, (u64)scratch, b, c)
WITH_ARGUMENTS(lost2, a, (u64)scratch, c)
WITH_ARGUMENTS(lost3, a, b, (u64)scratch)
WITH_ARGUMENTS(swap12, b, a, c)
WITH_ARGUMENTS(swap23, a, c, b)

#define KIND(ident) \
    { \
#ident, ident \
    }
static const struct {
    const char *name;
    u64 (*wrong)(ARGUMENTS);
} kinds[] = {
    KIND(same),    KIND(nop),   KIND(one),   KIND(ones),  KIND(more),   KIND(stale),  KIND(late),
    KIND(noflush), KIND(more1), KIND(more2), KIND(more3), KIND(zero1),  KIND(zero2),  KIND(zero3),
    KIND(next1),   KIND(lost1), KIND(lost2), KIND(lost3), KIND(swap12), KIND(swap23),
};

/* Return the index of the op of this name, or PV_NR_OPS. */
static u32 find_op(const char *name, size_t len)
{
    u32 op = 0;

    while (op < PV_NR_OPS && (strlen(pv_op_name(op)) != len || memcmp(pv_op_name(op), name, len)))
        op++;
    return op;
}

/* Apply one of the kinds, or exchange the op with another one. */
static const char *mutate(const char *what)
{
    u64 (*const *functions)(ARGUMENTS) = (void *)&pv_ops;
    const char *colon = strchr(what, ':');
    const u32 op = colon ? find_op(what, (size_t)(colon - what)) : PV_NR_OPS;
    u32 other;

    if (op == PV_NR_OPS)
        return "not OP:KIND with an op of pv/ops.def";
    right = functions[op];
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (!strcmp(kinds[i].name, colon + 1)) {
            pv_set_op(op, kinds[i].wrong);
            return NULL;
        }
    other = find_op(colon + 1, strlen(colon + 1));
    if (other == PV_NR_OPS)
        return "unknown KIND: test/mutants/mutate.c lists them";
    pv_set_op(op, functions[other]);
    pv_set_op(other, right);
    return NULL;
}

OP_CHANGE(mutate, mutate);
