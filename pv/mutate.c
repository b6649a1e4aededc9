/*
 * Mutants: mutate=OP:KIND replaces one op of the table by a wrong one, and the suite must notice.
 * Whatever an op returns goes back in %rax, and it takes its arguments in registers, so one wrong
 * function serves all.
 */
#include "lib/string.h"
#include "pv/patch.h"

static u64 does_nothing(void)
{
    return 0;
}

static u64 returns_one(void)
{
    return 1;
}

static u64 returns_all_ones(void)
{
    return ~0ull;
}

static const struct {
    const char *name;
    u64 (*wrong)(void);
} kinds[] = {
    {"nop", does_nothing},
    {"one", returns_one},
    {"ones", returns_all_ones},
};

/* Returns PV_NR_OPS if there is no such op. */
static u32 find_op(const char *name, size_t len)
{
    u32 op = 0;

    while (op < PV_NR_OPS && (strlen(pv_op_name(op)) != len || memcmp(pv_op_name(op), name, len)))
        op++;
    return op;
}

const char *pv_mutate(const char *what)
{
    const char *colon = strchr(what, ':');
    const u32 op = colon ? find_op(what, (size_t)(colon - what)) : PV_NR_OPS;

    if (op == PV_NR_OPS)
        return "wants OP:KIND, with an op of pv/ops.def";
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (!strcmp(kinds[i].name, colon + 1)) {
            pv_set_op(op, kinds[i].wrong);
            return NULL;
        }
    return "knows the kinds nop, one and ones";
}
