/* SPDX-License-Identifier: MIT */
/*
 * The C library of programs: newlib on the port in lib/newlib/. These tests are built with the
 * programs, not with the kernel (tools/build/programs.mk).
 */
#include "test/harness/test.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/libc/answers.h"

static const char haystack[] = "paravane";

static void expect_text(const char *got, const char *wanted, int line)
{
    test_expect(!strcmp(got, wanted), "test/libc/libc.c", line, "\"%s\" is \"%s\"", got, wanted);
}

TEST(libc, printf_formats_as_c_defines)
{
    char text[128];

#define FORMAT(expected, ...) \
    snprintf(text, sizeof(text), __VA_ARGS__); \
    expect_text(text, expected, __LINE__);
    FORMATS(FORMAT)
}

TEST(libc, functions_return_what_c_defines)
{
#define VALUE(expected, expression) \
    test_expect((long long)(expression) == (expected), __FILE__, __LINE__, "%s is %lld", \
                #expression, (long long)(expression));
    VALUES(VALUE)
}

TEST(libc, sscanf_reads_what_c_defines)
{
    char word[16];
    double d;
    int i, n;

    n = sscanf("  17 2.5e3 word rest", "%d %lf %15s", &i, &d, word);
    EXPECT_EQ(n, 3);
    EXPECT_EQ(i, 17);
    EXPECT(d == 2500.0);
    EXPECT(!strcmp(word, "word"));
    EXPECT_EQ(sscanf("x", "%d", &i), 0);
}

static jmp_buf where;

static void jump(int value)
{
    double kept = value;

    if (kept > 0)
        longjmp(where, value);
}

TEST(libc, longjmp_returns_to_setjmp)
{
    volatile int times = 0;
    int value = setjmp(where);

    times++;
    if (value < 3)
        jump(value + 1);
    EXPECT_EQ(value, 3);
    EXPECT_EQ(times, 4);
    if (!setjmp(where))
        longjmp(where, 0);
    else
        EXPECT(true); /* longjmp turns 0 into 1 */
}

/* The registers that a function preserves for its caller have values that no two of them share. */
TEST(libc, longjmp_restores_each_register_of_the_caller)
{
    u64 wrong;

    __asm__ volatile(
        "pushq %%rbx; pushq %%rbp; pushq %%r12; pushq %%r13; pushq %%r14; pushq %%r15\n\t"
        "movl $1, %%ebx; movl $2, %%ebp; movl $4, %%r12d\n\t"
        "movl $8, %%r13d; movl $16, %%r14d; movl $32, %%r15d\n\t"
        "call setjmp\n\t"
        "testl %%eax, %%eax; jnz 1f\n\t"
        "xorl %%ebx, %%ebx; xorl %%ebp, %%ebp; xorl %%r12d, %%r12d\n\t"
        "xorl %%r13d, %%r13d; xorl %%r14d, %%r14d; xorl %%r15d, %%r15d\n\t"
        "movl $1, %%esi; call longjmp\n"
        "1: xorq $1, %%rbx; xorq $2, %%rbp; xorq $4, %%r12\n\t"
        "xorq $8, %%r13; xorq $16, %%r14; xorq $32, %%r15\n\t"
        "orq %%rbp, %%rbx; orq %%r12, %%rbx; orq %%r13, %%rbx\n\t"
        "orq %%r14, %%rbx; orq %%r15, %%rbx; movq %%rbx, %%rax\n\t"
        "popq %%r15; popq %%r14; popq %%r13; popq %%r12; popq %%rbp; popq %%rbx"
        : "=a"(wrong)
        : "D"(where)
        : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
    EXPECT_EQ(wrong, 0);
}

#define BLOCKS 64

static u32 lcg(u32 *state)
{
    return *state = *state * 1664525 + 1013904223;
}

static bool is_filled(const u8 *p, size_t size, u8 with)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != with)
            return false;
    return true;
}

/*
 * Allocate and free random sizes in random order; each block keeps its own pattern until it is
 * freed.
 */
TEST(libc, malloc_blocks_keep_their_contents)
{
    static struct {
        u8 *p;
        size_t size;
    } blocks[BLOCKS];
    u32 state = 1;

    for (int round = 0; round < 3000; round++) {
        const u32 i = lcg(&state) >> 16 & (BLOCKS - 1);

        if (blocks[i].p)
            REQUIRE(is_filled(blocks[i].p, blocks[i].size, (u8)i));
        if (lcg(&state) >> 31) {
            free(blocks[i].p);
            blocks[i].p = NULL;
            continue;
        }
        blocks[i].size = (lcg(&state) >> 12) % (round % 16 ? 500 : 20000) + 1;
        blocks[i].p = realloc(blocks[i].p, blocks[i].size);
        REQUIRE(blocks[i].p);
        REQUIRE((uintptr_t)blocks[i].p % 16 == 0);
        memset(blocks[i].p, (int)i, blocks[i].size);
    }
    for (int i = 0; i < BLOCKS; i++, blocks[i - 1].p = NULL)
        free(blocks[i].p);
}

TEST(libc, calloc_clears_and_aligned_memory_is_aligned)
{
    void *p = calloc(1000, 10), *q = NULL;

    REQUIRE(p);
    EXPECT(is_filled(p, 10000, 0));
    EXPECT_EQ(posix_memalign(&q, 4096, 100), 0);
    EXPECT_EQ((uintptr_t)q % 4096, 0);
    free(q);
    EXPECT_EQ(posix_memalign(&q, 24, 100), EINVAL);
    free(p);
}

/* The heap grows more than once, and no growth gives memory again that is in use. */
TEST(libc, heap_grows_again_and_again)
{
    enum { COUNT = 3, SIZE = 1 << 20 };
    u8 *blocks[COUNT];

    for (int i = 0; i < COUNT; i++) {
        blocks[i] = malloc(SIZE);
        REQUIRE(blocks[i]);
        memset(blocks[i], 'a' + i, SIZE);
    }
    for (int i = 0; i < COUNT; i++) {
        EXPECT(is_filled(blocks[i], SIZE, (u8)('a' + i)));
        free(blocks[i]);
    }
}

/* Impossible sizes are refused, and the heap still works. */
TEST(libc, too_much_memory_fails_with_ENOMEM)
{
    volatile size_t sizes[] = {SIZE_MAX / 2, (size_t)1 << 42, (size_t)1 << 38};
    void *volatile p; /* volatile, or the compiler removes an unused allocation */

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        errno = 0;
        p = malloc(sizes[i]);
        EXPECT(!p);
        EXPECT_EQ(errno, ENOMEM);
    }
    errno = 0;
    p = calloc(SIZE_MAX / 2, sizes[1]);
    EXPECT(!p);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
    EXPECT(sbrk(-(1l << 40)) == (void *)-1);
    EXPECT_EQ(errno, ENOMEM);
    free(malloc(1000));
}

static int compare(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

TEST(libc, qsort_sorts_and_bsearch_finds)
{
    int numbers[200], key = 77;

    for (int i = 0; i < 200; i++)
        numbers[i] = i * 77 % 200;
    qsort(numbers, 200, sizeof(int), compare);
    for (int i = 0; i < 200; i++)
        REQUIRE(numbers[i] == i);
    EXPECT(bsearch(&key, numbers, 200, sizeof(int), compare) == &numbers[77]);
}

static bool copies_right(size_t size, size_t from, size_t to)
{
    static u8 a[3000], b[3000];

    for (size_t i = 0; i < sizeof(a); i++) {
        a[i] = (u8)(i * 31);
        b[i] = 0xee;
    }
    memcpy(b + to, a + from, size);
    if (memcmp(b + to, a + from, size) || b[to - 1] != 0xee || b[to + size] != 0xee)
        return false;
    memmove(b + to + 3, b + to, size);
    if (memcmp(b + to + 3, a + from, size))
        return false;
    memset(b + to, 0x5a, size);
    return is_filled(b + to, size, 0x5a) && b[to - 1] == 0xee;
}

TEST(libc, copies_are_right_at_every_size_and_alignment)
{
    for (size_t size = 0; size < 1100; size += size < 80 ? 1 : 61)
        for (size_t align = 1; align < 10; align += 2)
            REQUIRE(copies_right(size, align, 17 - align));
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

/* The first bytes that differ count, as numbers without a sign, whatever follows. */
TEST(libc, bytes_are_compared_at_every_size_and_alignment)
{
    static u8 a[120], b[120];

    for (size_t size = 0; size < 70; size++) {
        for (size_t align = 0; align < 4; align++) {
            memset(a, 0x7f, sizeof(a));
            memset(b, 0x7f, sizeof(b));
            b[size + align] = 1; /* after the last byte */
            REQUIRE(!memcmp(a + 1, b + align, size));
            for (size_t at = 0; at < size; at++) {
                b[align + at] = 0x80;
                a[size] = 0xff; /* the last byte, if that is not the one */
                REQUIRE(at + 1 == size || memcmp(a + 1, b + align, size) < 0);
                a[size] = 0x7f;
                REQUIRE(sign(memcmp(a + 1, b + align, size)) == -1);
                REQUIRE(sign(memcmp(b + align, a + 1, size)) == 1);
                b[align + at] = 0x7f;
            }
        }
    }
}

TEST(libc, strings_are_measured_at_every_size_and_alignment)
{
    static char text[120];

    for (size_t align = 0; align < 32; align++)
        for (size_t size = 0; size < 70; size++) {
            memset(text, 'x', sizeof(text));
            if (align)
                text[align - 1] = 0;
            text[align + size] = 0;
            REQUIRE(strlen(text + align) == size);
        }
}

/*
 * Divisions of 128 bits, which the compiler turns into calls: quotient and remainder must give the
 * dividend again.
 */
TEST(libc, division_of_128_bits_is_exact)
{
    volatile __int128 unit = (__int128)1 << 70;
    unsigned __int128 n = 1;
    u32 state = 3, wrong = 0;

    for (int i = 0; i < 2000; i++) {
        const int shift = (int)(lcg(&state) >> 26);
        volatile unsigned __int128 d;
        __int128 s;

        n = n * 0x2545f4914f6cdd1dull + lcg(&state);
        d = (n * 0x9e3779b97f4a7c15ull >> shift >> shift) | 1;
        wrong += n / d * d + n % d != n || n % d >= d;
        s = (__int128)n;
        wrong += s / (__int128)-7 * -7 + s % (__int128)-7 != s;
        wrong += (s % (__int128)d < 0) != (s < 0) && s % (__int128)d != 0 && (__int128)d > 0;
    }
    EXPECT_EQ(wrong, 0);
    EXPECT(-100 * unit / (7 * unit) == -14);
    EXPECT(-100 * unit % (7 * unit) == -2 * unit);
    EXPECT_EQ(__builtin_popcountll(lcg(&state) | 1ull << 63) > 1, true);
}

TEST(libc, complex_numbers_are_computed)
{
    volatile double _Complex a = __builtin_complex(3.0, 4.0), b = __builtin_complex(1.0, -2.0);
    double _Complex product = a * b, quotient = product / b;

    EXPECT(__real__ product == 11 && __imag__ product == -2);
    EXPECT(__real__ quotient == 3 && __imag__ quotient == 4);
}

/* memmove with every overlap in both directions, compared with a copy byte by byte. */
TEST(libc, memmove_copies_overlapping_memory)
{
    static u8 bytes[600], wanted[600];

    for (size_t size = 0; size < 260; size += size < 70 ? 1 : 17)
        for (int by = -70; by <= 70; by += 3) {
            u8 *from = bytes + 150, *to = from + by;

            for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = wanted[i] = (u8)(i * 37 + size);
            for (size_t i = 0; i < size; i++)
                wanted[150 + by + (long)i] = (u8)((150 + i) * 37 + size);
            memmove(to, from, size);
            REQUIRE(!memcmp(bytes, wanted, sizeof(bytes)));
        }
}
