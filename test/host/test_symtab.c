/*
 * test/host/test_symtab.c: kernel/symtab.c on tables made here, and on one that tools/symtab.py
 * made from symtab.nm and the assembler put into this program as kernel_symtab.
 */
#include "harness.h"

#include "kernel/symtab.h"

#define BASE     0xffffffff80100000ul
#define COUNT    37
#define TEXT_END 1000

static u32 starts[COUNT + 1];
static u32 names[COUNT];
static char strings[COUNT * 4];

static void make_table(u32 count, struct symtab *t)
{
    for (u32 i = 0; i < count; i++) {
        starts[i] = 5 + i * (TEXT_END - 10) / count;
        names[i] = i * 4;
        snprintf(strings + names[i], 4, "f%02u", i % 100);
    }
    starts[count] = TEXT_END;
    *t = (struct symtab){BASE, count, starts, names, strings};
}

/* The plain way: from the first function on. */
static const char *search(const struct symtab *t, u64 addr, u64 *offset)
{
    for (u32 i = 0; i < t->count; i++) {
        if (addr >= t->base + t->starts[i] && addr < t->base + t->starts[i + 1]) {
            *offset = addr - t->base - t->starts[i];
            return t->strings + t->names[i];
        }
    }
    return NULL;
}

static void test_every_address(void)
{
    struct symtab t;

    for (u32 count = 1; count <= COUNT; count++) {
        make_table(count, &t);
        for (u64 addr = BASE - 10; addr < BASE + TEXT_END + 10; addr++) {
            u64 got = 0;
            u64 want = 0;

            CHECK_STR(symtab_lookup(&t, addr, &got), search(&t, addr, &want));
            CHECK_EQ(got, want);
        }
    }
}

static void test_edges(void)
{
    static const u32 end;
    const struct symtab empty = {BASE, 0, &end, NULL, NULL};
    struct symtab t;
    u64 offset = 77;

    CHECK_STR(symtab_lookup(&empty, BASE, &offset), NULL);
    make_table(COUNT, &t);
    CHECK_STR(symtab_lookup(&t, 0, &offset), NULL);
    CHECK_STR(symtab_lookup(&t, UINT64_MAX, &offset), NULL);
    t.base = 0x100000; /* so that nothing wraps: 4 GiB on is not the same as here */
    CHECK_STR(symtab_lookup(&t, t.base + (1ul << 32) + 5, &offset), NULL);
    CHECK_EQ(offset, 77);
}

static const struct {
    u64 addr;
    const char *name;
    u64 offset;
} made[] = {
    {BASE + 0x0f, NULL, 0},
    {BASE + 0x10, "first_function", 0},
    {BASE + 0x1f, "first_function", 15},
    {BASE + 0x20, "middle.part.0", 0},
    {BASE + 0x21, "one_byte_before", 0},
    {BASE + 0x2f, "one_byte_before", 14},
    {BASE + 0x30, "aaa", 0},
    {BASE + 0x3f, "aaa", 15},
    {BASE + 0x40, NULL, 0},
    {BASE - 1, NULL, 0},
};

static void test_made_table(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
        u64 offset = 0;

        CHECK_STR(symtab_lookup(&kernel_symtab, made[i].addr, &offset), made[i].name);
        CHECK_EQ(offset, made[i].offset);
    }
    CHECK_EQ(kernel_symtab.count, 4);
}

int main(void)
{
    RUN(test_every_address);
    RUN(test_edges);
    RUN(test_made_table);
    return finish("symtab");
}
