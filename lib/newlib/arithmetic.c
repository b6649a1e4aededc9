/* SPDX-License-Identifier: MIT */
/*
 * Functions that compilers call for arithmetic without an instruction, by libgcc's names. An
 * interrupt overwrites the red zone, which the distribution's libgcc uses in these.
 * tools/build/newlib.py keeps those of its objects that do not.
 */
#include <stdint.h>

typedef unsigned __int128 u128;
typedef __int128 s128;

u128 __udivti3(u128 n, u128 d);
u128 __umodti3(u128 n, u128 d);
u128 __udivmodti4(u128 n, u128 d, u128 *remainder);
s128 __divti3(s128 n, s128 d);
s128 __modti3(s128 n, s128 d);
s128 __divmodti4(s128 n, s128 d, s128 *remainder);
long double __floatuntixf(u128 x);
long double __floattixf(s128 x);
double _Complex __muldc3(double a, double b, double c, double d);
double _Complex __divdc3(double a, double b, double c, double d);
float _Complex __mulsc3(float a, float b, float c, float d);
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

u128 __udivmodti4(u128 n, u128 d, u128 *remainder)
{
    return divide(n, d, remainder);
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

s128 __divmodti4(s128 n, s128 d, s128 *remainder)
{
    *remainder = __modti3(n, d);
    return __divti3(n, d);
}

/* Both halves are exact, so the sum is rounded once. */
long double __floatuntixf(u128 x)
{
    return (long double)(uint64_t)(x >> 64) * 0x1p64L + (long double)(uint64_t)x;
}

long double __floattixf(s128 x)
{
    return (long double)(int64_t)(x >> 64) * 0x1p64L + (long double)(uint64_t)x;
}

/* A double has more bits and a larger exponent than a float needs. libgcc has these two. */
float _Complex __mulsc3(float a, float b, float c, float d)
{
    return (float _Complex)__muldc3(a, b, c, d);
}

float _Complex __divsc3(float a, float b, float c, float d)
{
    return (float _Complex)__divdc3(a, b, c, d);
}
