/* SPDX-License-Identifier: MIT */
/*
 * The functions that compilers call for arithmetic without an instruction: 128-bit division,
 * counting bits, complex multiplication and division. The names are libgcc's. The distribution's
 * libgcc cannot be linked, because it uses the red zone, which an interrupt overwrites.
 */
#include <complex.h>
#include <stdint.h>

typedef unsigned __int128 u128;
typedef __int128 s128;

u128 __udivti3(u128 n, u128 d);
u128 __umodti3(u128 n, u128 d);
s128 __divti3(s128 n, s128 d);
s128 __modti3(s128 n, s128 d);
int __popcountdi2(uint64_t x);
double _Complex __muldc3(double a, double b, double c, double d);
float _Complex __mulsc3(float a, float b, float c, float d);
double _Complex __divdc3(double a, double b, double c, double d);
float _Complex __divsc3(float a, float b, float c, float d);

/* Divide bit by bit. A division by 0 is undefined; it faults in the 64-bit case. */
static u128 divide(u128 n, u128 d, u128 *remainder)
{
    u128 quotient = 0, rest = 0;

    if (!(n >> 64) && !(d >> 64)) {
        *remainder = (uint64_t)n % (uint64_t)d;
        return (uint64_t)n / (uint64_t)d;
    }
    for (int bit = 127; bit >= 0; bit--) {
        const unsigned carry = (unsigned)(rest >> 127);

        rest = rest << 1 | (n >> bit & 1);
        if (carry || rest >= d) {
            rest -= d;
            quotient |= (u128)1 << bit;
        }
    }
    *remainder = rest;
    return quotient;
}

u128 __udivti3(u128 n, u128 d)
{
    u128 rest;

    return divide(n, d, &rest);
}

u128 __umodti3(u128 n, u128 d)
{
    u128 rest;

    divide(n, d, &rest);
    return rest;
}

static u128 magnitude(s128 x)
{
    return x < 0 ? -(u128)x : (u128)x;
}

s128 __divti3(s128 n, s128 d)
{
    u128 rest, quotient = divide(magnitude(n), magnitude(d), &rest);

    return (s128)((n < 0) != (d < 0) ? -quotient : quotient);
}

/* The remainder has the sign of n. */
s128 __modti3(s128 n, s128 d)
{
    u128 rest;

    divide(magnitude(n), magnitude(d), &rest);
    return (s128)(n < 0 ? -rest : rest);
}

int __popcountdi2(uint64_t x)
{
    int count = 0;

    for (; x; x &= x - 1)
        count++;
    return count;
}

/* The plain formulas: C11's Annex G, which treats infinities and NaNs specially, is optional. */
#define COMPLEX(type, suffix) \
    type _Complex __mul##suffix##3(type a, type b, type c, type d) \
    { \
        return __builtin_complex(a * c - b * d, a * d + b * c); \
    } \
    type _Complex __div##suffix##3(type a, type b, type c, type d) \
    { \
        const type square = c * c + d * d; \
        return __builtin_complex((a * c + b * d) / square, (b * c - a * d) / square); \
    }

COMPLEX(double, dc)
COMPLEX(float, sc)
