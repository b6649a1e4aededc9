/* SPDX-License-Identifier: MIT */
/*
 * kernel/symtab.c on tables that are built here, and on one that tools/build/symtab.py made from
 * symtab.nm and that the assembler put into this program as kernel_symtab.
 */
#include "harness.h"

#include "kernel/symtab.h"

#define BASE     0xffffffff80100000ul
#define COUNT    37
#define TEXT_END 1000

static u32 starts[COUNT + 1];
static u8 functions[COUNT * 8];

static void make_table(u32 count, struct symtab *t)
{
    u8 *at = functions;
    u32 last = 0;

    for (u32 i = 0; i <= count; i++) {
        starts[i] = i < count ? 5 + i * (TEXT_END - 10) / count : TEXT_END;
        *at++ = (u8)(0x80 | ((starts[i] - last) & 0x7f));
        *at++ = (u8)((starts[i] - last) >> 7);
        if (i < count)
            at += sprintf((char *)at, "f%02u", i % 100);
        *at++ = 0;
        last = starts[i];
    }
    *t = (struct symtab){BASE, functions, NULL};
}

/* Search starts[] linearly; return the index, or -1. */
static int search(u32 count, u64 addr)
{
    for (u32 i = 0; i < count; i++)
        if (addr >= BASE + starts[i] && addr < BASE + starts[i + 1])
            return (int)i;
    return -1;
}

static void test_every_address(void)
{
    struct symtab t;

    for (u32 count = 1; count <= COUNT; count++) {
        make_table(count, &t);
        for (u64 addr = BASE - 10; addr < BASE + TEXT_END + 10; addr++) {
            const int want = search(count, addr);
            char got[SYMTAB_NAME_MAX] = "none", name[SYMTAB_NAME_MAX] = "none";
            u64 offset = 0;

            if (want >= 0)
                snprintf(name, sizeof(name), "f%02d", want);
            CHECK_EQ(symtab_lookup(&t, addr, got, &offset), want >= 0);
            CHECK_STR(got, name);
            CHECK_EQ(offset, want >= 0 ? addr - BASE - starts[want] : 0);
        }
    }
}

static void test_edges(void)
{
    static const u8 none[] = {0, 0};
    const struct symtab empty = {BASE, none, NULL};
    char name[SYMTAB_NAME_MAX];
    struct symtab t;
    u64 offset = 77;

    CHECK(!symtab_lookup(&empty, BASE, name, &offset));
    make_table(COUNT, &t);
    CHECK(!symtab_lookup(&t, 0, name, &offset));
    CHECK(!symtab_lookup(&t, UINT64_MAX, name, &offset));
    t.base = 0x100000; /* so that an address 4 GiB higher does not wrap to the same offset */
    CHECK(!symtab_lookup(&t, t.base + (1ul << 32) + 5, name, &offset));
    CHECK_EQ(offset, 77);
}

/* "ab", "abab" and so on: each pair is the previous one twice. */
static void test_pairs(void)
{
    static const u8 pairs[][2] = {{'a', 'b'}, {128, 128}, {129, 129}, {130, 130}, {131, 131}};
    static const u8 named[] = {0, 'x', 129, 'y', 0, 5, 132, 132, 132, 0, 5, 0};
    const struct symtab t = {BASE, named, pairs};
    char name[SYMTAB_NAME_MAX];
    u64 offset;

    CHECK(symtab_lookup(&t, BASE + 1, name, &offset));
    CHECK_STR(name, "xababy");
    CHECK(symtab_lookup(&t, BASE + 5, name, &offset));
    CHECK_EQ(strlen(name), SYMTAB_NAME_MAX - 1); /* of 96 */
    CHECK(!memcmp(name, "abababab", 8));
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
        char name[SYMTAB_NAME_MAX] = "none";
        u64 offset = 0;

        CHECK_EQ(symtab_lookup(&kernel_symtab, made[i].addr, name, &offset), made[i].name != NULL);
        CHECK_STR(name, made[i].name ? made[i].name : "none");
        CHECK_EQ(offset, made[i].offset);
    }
}

int main(void)
{
    RUN(test_every_address);
    RUN(test_edges);
    RUN(test_pairs);
    RUN(test_made_table);
    return finish("symtab");
}
