/*
 * Mutants: mutate=OP:KIND replaces one op of the table by a wrong one, and the suite must notice.
 * Whatever an op returns goes back in %rax, and it takes its arguments in registers, so one wrong
 * function serves all.
 */
#include "lib/string.h"
#include "pv/pv.h"

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

static const struct {
    const char *name;
    void *slot;
} ops[] = {
#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args) {#name, &pv_ops.class.name},
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
};

static void *find_slot(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
        if (strlen(ops[i].name) == len && !memcmp(ops[i].name, name, len))
            return ops[i].slot;
    return NULL;
}

const char *pv_mutate(const char *what)
{
    const char *colon = strchr(what, ':');
    void *slot = colon ? find_slot(what, (size_t)(colon - what)) : NULL;

    if (!slot)
        return "wants OP:KIND, with an op of pv/ops.def";
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (!strcmp(kinds[i].name, colon + 1)) {
            memcpy(slot, &kinds[i].wrong, sizeof(kinds[i].wrong));
            return NULL;
        }
    return "knows the kinds nop, one and ones";
}
