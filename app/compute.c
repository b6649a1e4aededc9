/*
 * Computes: floating point, libm, qsort, big allocations. Its checksums are the same wherever it is
 * compiled and run: cc -o compute app/compute.c -lm && ./compute. What a libm may round differently
 * in the last digit is printed to ten digits, and what was printed is summed.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t sum; /* FNV-1a */

static void add(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ p[i]) * 0x100000001b3;
}

static void add_number(double x)
{
    char text[40];

    add(text, (size_t)snprintf(text, sizeof(text), "%.9e;", x));
}

static uint64_t state = 88172645463325252;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* From 0 to 1, 53 bits of it. */
static double next_double(void)
{
    return (double)(next() >> 11) / 9007199254740992.0;
}

static void functions(void)
{
    for (int i = 0; i < 2000; i++) {
        double x = next_double() * 20 - 10, y = next_double() + 0.5;

        add_number(sin(x));
        add_number(exp(x) + log(y));
        add_number(pow(y, x));
        add_number(atan2(x, y));
        add_number(sqrt(y) * floor(x) + fmod(x, y)); /* prose: allow */
        add_number(tgamma(y + 1) + cbrt(x));
    }
}

static void matrices(void)
{
    enum { N = 60 };
    static double a[N][N], b[N][N];

    for (int i = 0; i < N * N; i++) {
        a[i / N][i % N] = (double)(next() % 1000);
        b[i / N][i % N] = (double)(next() % 1000);
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double c = 0;

            for (int k = 0; k < N; k++)
                c += a[i][k] * b[k][j];
            add(&c, sizeof(c)); /* whole numbers below 2^53: exact */
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
        numbers[i] = next();
    qsort(numbers, n, sizeof(*numbers), compare);
    add(numbers, n * sizeof(*numbers));
    free(numbers);
}

/* 16 MiB in pieces of many sizes, each filled, looked at again, and freed in another order. */
static void allocations(void)
{
    enum { PIECES = 512 };
    static unsigned char *pieces[PIECES];
    static size_t sizes[PIECES];

    for (int i = 0; i < PIECES; i++) {
        sizes[i] = next() % 65536 + 1;
        pieces[i] = malloc(sizes[i]);
        if (!pieces[i])
            exit(1);
        memset(pieces[i], i & 0xff, sizes[i]);
    }
    for (int i = 0; i < PIECES; i++) {
        int k = i * 7 % PIECES;

        add(pieces[k], sizes[k] < 64 ? sizes[k] : 64);
        add(pieces[k] + sizes[k] - 1, 1);
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
        sum = 0xcbf29ce484222325;
        parts[i].run();
        printf("%-12s %016llx\n", parts[i].name, (unsigned long long)sum);
    }
    return 0;
}
