/* SPDX-License-Identifier: MIT */
/*
 * Multiplication and division of long double complex numbers, by libgcc's names: x = a + ib,
 * y = c + id (C11, Annex G.5.1). Compiled if musl's long double functions are there.
 */
#include <complex.h>
#include <math.h>
#include <stdbool.h>

long double _Complex __mulxc3(long double a, long double b, long double c, long double d);
long double _Complex __divxc3(long double a, long double b, long double c, long double d);

typedef long double real;

/* Return 1 with the sign of x if x is infinite, otherwise 0 with that sign. */
static real box(real x)
{
    return copysignl(isinf(x) ? 1 : 0, x);
}

static real zero_for_nan(real x)
{
    return isnan(x) ? copysignl(0, x) : x;
}

/* A product that is NaN in both parts is infinite if a factor or a partial product is. */
long double _Complex __mulxc3(real a, real b, real c, real d)
{
    const real ac = a * c, bd = b * d, ad = a * d, bc = b * c;
    const bool partial = isinf(ac) || isinf(bd) || isinf(ad) || isinf(bc);
    const bool x_infinite = isinf(a) || isinf(b), y_infinite = isinf(c) || isinf(d);

    if (!isnan(ac - bd) || !isnan(ad + bc) || !(x_infinite || y_infinite || partial))
        return __builtin_complex(ac - bd, ad + bc);
    if (x_infinite) {
        a = box(a);
        b = box(b);
    }
    if (y_infinite) {
        c = box(c);
        d = box(d);
    }
    a = zero_for_nan(a);
    b = zero_for_nan(b);
    c = zero_for_nan(c);
    d = zero_for_nan(d);
    return __builtin_complex(INFINITY * (a * c - b * d), INFINITY * (a * d + b * c));
}

/* The quotient if both parts of (a + ib) / (c + id) are NaN. */
static long double _Complex divide_special(real a, real b, real c, real d)
{
    if (c == 0 && d == 0 && (!isnan(a) || !isnan(b)))
        return __builtin_complex(copysignl(INFINITY, c) * a, copysignl(INFINITY, c) * b);
    if ((isinf(a) || isinf(b)) && isfinite(c) && isfinite(d))
        return __builtin_complex(INFINITY * (box(a) * c + box(b) * d),
                                 INFINITY * (box(b) * c - box(a) * d));
    if ((isinf(c) || isinf(d)) && isfinite(a) && isfinite(b))
        return __builtin_complex(0 * (a * box(c) + b * box(d)), 0 * (b * box(c) - a * box(d)));
    return __builtin_complex((real)NAN, (real)NAN);
}

/* The divisor is scaled to an exponent near 0, so that its square is in range. */
long double _Complex __divxc3(real a, real b, real c, real d)
{
    const real exponent = logbl(fmaxl(fabsl(c), fabsl(d)));
    const int scale = isfinite(exponent) ? -(int)exponent : 0;
    const real cs = scalbnl(c, scale), ds = scalbnl(d, scale), square = cs * cs + ds * ds;
    const real re = scalbnl((a * cs + b * ds) / square, scale);
    const real im = scalbnl((b * cs - a * ds) / square, scale);

    if (isnan(re) && isnan(im))
        return divide_special(a, b, c, d);
    return __builtin_complex(re, im);
}
