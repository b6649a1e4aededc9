/* SPDX-License-Identifier: MIT */
/*
 * Compute with floating point, libm, qsort and big allocations, and print a checksum of each part.
 * The checksums are the same on any system: cc -o compute app/compute.c -lm && ./compute. Libms may
 * round the last digit differently, so the checksum is that of ten printed digits.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t checksum; /* FNV-1a */

static void checksum_add(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++)
        checksum = (checksum ^ p[i]) * 0x100000001b3;
}

static void checksum_add_number(double x)
{
    char text[40];

    checksum_add(text, (size_t)snprintf(text, sizeof(text), "%.9e;", x));
}

static uint64_t random_state = 88172645463325252;

/* xorshift64 (Marsaglia 2003). */
static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Return a number from 0 to 1 with 53 random bits. */
static double random_double(void)
{
    return (double)(random_next() >> 11) / 9007199254740992.0;
}

static void functions(void)
{
    for (int i = 0; i < 2000; i++) {
        double x = random_double() * 20 - 10, y = random_double() + 0.5;

        checksum_add_number(sin(x));
        checksum_add_number(exp(x) + log(y));
        checksum_add_number(pow(y, x));
        checksum_add_number(atan2(x, y));
        checksum_add_number(sqrt(y) * floor(x) + fmod(x, y)); /* prose: allow */
        checksum_add_number(tgamma(y + 1) + cbrt(x));
    }
}

static void matrices(void)
{
    enum { N = 60 };
    static double a[N][N], b[N][N];

    for (int i = 0; i < N * N; i++) {
        a[i / N][i % N] = (double)(random_next() % 1000);
        b[i / N][i % N] = (double)(random_next() % 1000);
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double c = 0;

            for (int k = 0; k < N; k++)
                c += a[i][k] * b[k][j];
            checksum_add(&c, sizeof(c)); /* whole numbers below 2^53: exact */
        }
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void sorting(void)
{
    const size_t n = 50000;
    uint64_t *numbers = malloc(n * sizeof(*numbers));

    if (!numbers)
        exit(1);
    for (size_t i = 0; i < n; i++)
        numbers[i] = random_next();
    qsort(numbers, n, sizeof(*numbers), compare);
    checksum_add(numbers, n * sizeof(*numbers));
    free(numbers);
}

/* Allocate 16 MiB in pieces of many sizes, fill them, and read and free them in another order. */
static void allocations(void)
{
    enum { PIECES = 512 };
    static unsigned char *pieces[PIECES];
    static size_t sizes[PIECES];

    for (int i = 0; i < PIECES; i++) {
        sizes[i] = random_next() % 65536 + 1;
        pieces[i] = malloc(sizes[i]);
        if (!pieces[i])
            exit(1);
        memset(pieces[i], i & 0xff, sizes[i]);
    }
    for (int i = 0; i < PIECES; i++) {
        int k = i * 7 % PIECES;

        checksum_add(pieces[k], sizes[k] < 64 ? sizes[k] : 64);
        checksum_add(pieces[k] + sizes[k] - 1, 1);
        free(pieces[k]);
    }
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"functions", functions},
                 {"matrices", matrices},
                 {"sorting", sorting},
                 {"allocations", allocations}};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        checksum = 0xcbf29ce484222325;
        parts[i].run();
        printf("%-12s %016llx\n", parts[i].name, (unsigned long long)checksum);
    }
    return 0;
}
