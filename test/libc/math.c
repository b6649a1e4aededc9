/* SPDX-License-Identifier: MIT */
/*
 * The mathematical functions of programs: long double ones, special values that C's Annex F
 * defines, exceptions and rounding. The functions are musl's (tools/build/newlib.py).
 */
#include "test/harness/test.h"

#include <complex.h>
#include <errno.h>
#include <fenv.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Volatile, so that the compiler computes nothing. */
static volatile double infinite = INFINITY, not_a_number = NAN, zero = 0, one = 1;
static volatile long double onel = 1, twol = 2;

static bool is_near(long double got, long double wanted)
{
    return fabsl(got - wanted) <= fabsl(wanted) * 0x1p-62L;
}

TEST(libc_math, long_double_functions_use_all_64_bits)
{
    long double whole;
    int exponent;

    EXPECT(is_near(sinl(onel), 0.84147098480789650665250232163029900L));
    EXPECT(is_near(cosl(onel), 0.54030230586813971740093660744297661L));
    EXPECT(is_near(tanl(onel), 1.55740772465490223050697480745836017L));
    EXPECT(is_near(atan2l(onel, twol), 0.46364760900080611621425623146121440L));
    EXPECT(is_near(asinl(onel / 2), 0.52359877559829887307710723054658381L));
    EXPECT(is_near(expl(onel), 2.71828182845904523536028747135266250L));
    EXPECT(is_near(expm1l(onel), 1.71828182845904523536028747135266250L));
    EXPECT(is_near(logl(twol), 0.69314718055994530941723212145817657L));
    EXPECT(is_near(log10l(twol), 0.30102999566398119521373889472449303L));
    EXPECT(is_near(powl(twol, 0.5L), 1.41421356237309504880168872420969808L));
    EXPECT(is_near(sqrtl(twol), 1.41421356237309504880168872420969808L));
    EXPECT(is_near(cbrtl(twol), 1.25992104989487316476721060727822835L));
    EXPECT(is_near(hypotl(onel, twol), 2.23606797749978969640917366873127624L));
    EXPECT(is_near(sinhl(onel), 1.17520119364380145688238185059560082L));
    EXPECT(is_near(tanhl(onel), 0.76159415595576488811945828260479359L));
    EXPECT(is_near(acoshl(twol), 1.31695789692481670862504634730796844L));
    EXPECT(is_near(erfl(onel), 0.84270079294971486934122063508260926L));
    EXPECT(is_near(tgammal(twol + 3.5L), 52.34277778455352018114900849241819L));
    EXPECT(floorl(-onel / 2) == -1 && ceill(onel / 2) == 1 && truncl(-twol * 0.75L) == -1);
    EXPECT(roundl(twol + 0.5L) == 3 && rintl(twol + 0.5L) == 2 && lroundl(-twol - 0.5L) == -3);
    EXPECT(copysignl(onel, -twol) == -1 && fmodl(twol * 3 + 1, 4) == 3 && fmaxl(onel, twol) == 2);
    EXPECT(modfl(twol + 0.25L, &whole) == 0.25L && whole == 2);
    EXPECT(frexpl(twol * 5, &exponent) == 0.625L && exponent == 4);
    EXPECT(scalbnl(onel, -16400) > 0 && ldexpl(onel, 16000) == 0x1p16000L);
    EXPECT(nextafterl(onel, twol) == 1 + 0x1p-63L);
}

/* newlib 3.3.0 prints them with a double's bits. */
TEST(libc_math, long_doubles_are_printed_and_read_in_hexadecimal)
{
    const long double third = onel / 3;
    char text[40];

    snprintf(text, sizeof(text), "%La", third);
    EXPECT(strtold(text, NULL) == third);
}

TEST(libc_math, fma_rounds_once)
{
    const volatile double x = 1 + 0x1p-44;
    const volatile float f = 1 + 0x1p-13f;

    EXPECT(fma(x, x, -(1 + 0x1p-43)) == 0x1p-88);
    EXPECT(fmaf(f, f, -(1 + 0x1p-12f)) == 0x1p-26f);
    EXPECT(fmal(1 + 0x1p-40L * onel, 1 + 0x1p-40L * onel, -(1 + 0x1p-39L)) == 0x1p-80L);
}

TEST(libc_math, special_values_are_those_of_annex_f)
{
    double whole;
    int quotient;

    EXPECT(fdim(-infinite, one) == 0 && fdim(infinite, one) == infinite);
    EXPECT(isnan(modf(not_a_number, &whole)) && isnan(whole));
    EXPECT(modf(-infinite, &whole) == 0 && whole == -infinite);
    EXPECT(isnan(pow(-one, not_a_number)) && pow(one, not_a_number) == 1);
    EXPECT(pow(-one, infinite) == 1 && pow(not_a_number, zero) == 1);
    EXPECT(scalbn(one, INT_MAX) == infinite && scalbn(one, INT_MIN) == 0);
    EXPECT(remquof((float)one * 29, 3, &quotient) == -1 && quotient % 8 == 10 % 8);
    EXPECT(remquo(-one * 29, 3, &quotient) == 1 && quotient % 8 == -10 % 8);
    EXPECT(atan2(-zero, -one) < -3 && hypot(infinite, not_a_number) == infinite);
    EXPECT(fmax(not_a_number, one) == 1 && fmin(one, not_a_number) == 1);
    EXPECT(ilogb(zero) == FP_ILOGB0 && ilogb(not_a_number) == FP_ILOGBNAN && ilogb(one) == 0);
    EXPECT(ilogb(infinite) == INT_MAX && logb(zero) == -infinite);
    EXPECT(yn(0, zero) == -infinite && isnan(yn(1, -one)) && jn(2, zero) == 0);
    EXPECT(tgamma(zero) == infinite && tgamma(-zero) == -infinite && isnan(tgamma(-one)));
    EXPECT(lgamma(-one / 2) > 1.26 && signgam == -1);
    EXPECT(lgamma(one / 2) > 0.57 && signgam == 1);
}

static int raised_by(double (*function)(double), double x)
{
    volatile double result;

    feclearexcept(FE_ALL_EXCEPT);
    result = function(x);
    (void)result;
    return fetestexcept(FE_ALL_EXCEPT & ~FE_INEXACT);
}

TEST(libc_math, errors_raise_exceptions)
{
    fenv_t before;

    EXPECT_EQ(math_errhandling, MATH_ERREXCEPT);
    fegetenv(&before);
    EXPECT_EQ(raised_by(log, zero), FE_DIVBYZERO);
    EXPECT_EQ(raised_by(log, -one), FE_INVALID);
    EXPECT_EQ(raised_by(sqrt, -one), FE_INVALID);
    EXPECT_EQ(raised_by(exp, 1e6 * one), FE_OVERFLOW);
    EXPECT_EQ(raised_by(exp, -1e6 * one), FE_UNDERFLOW);
    EXPECT_EQ(raised_by(sin, infinite), FE_INVALID);
    EXPECT_EQ(raised_by(sin, one), 0);
    EXPECT_EQ(raised_by(exp, not_a_number), 0);
    fesetenv(&before);
}

TEST(libc_math, the_rounding_mode_is_obeyed)
{
    const int before = fegetround();

    EXPECT_EQ(before, FE_TONEAREST);
    EXPECT_EQ(fesetround(FE_UPWARD), 0);
    EXPECT(rint(one / 4) == 1 && one / 3 > 0x1.5555555555555p-2);
    EXPECT(sqrt(one + one) > 0x1.6a09e667f3bccp0);
    EXPECT_EQ(fesetround(FE_TOWARDZERO), 0);
    EXPECT(rint(-one * 3 / 4) == 0 && sqrt(one + one) == 0x1.6a09e667f3bccp0);
    EXPECT(nearbyintl(onel * 3 / 4) == 0);
    EXPECT_EQ(fesetround(before), 0);
    EXPECT(fesetround(12345) != 0);
    EXPECT_EQ(fegetround(), before);
}

/* The compiler calls the port's functions for these (lib/newlib/arithmetic.c). */
TEST(libc_math, complex_numbers_keep_infinities)
{
    const volatile double complex x = CMPLX(3, 4), infinity = CMPLX(INFINITY, NAN);
    const volatile float complex f = CMPLXF(3, 4), infinityf = CMPLXF(INFINITY, NAN);
    const volatile long double complex l = CMPLXL(3, 4), infinityl = CMPLXL(INFINITY, NAN);

    EXPECT(x * x == CMPLX(-7, 24) && f * f == CMPLXF(-7, 24) && l * l == CMPLXL(-7, 24));
    EXPECT(x / x == 1 && f / f == 1 && l / l == 1);
    EXPECT(isinf(creal(infinity * x)) || isinf(cimag(infinity * x)));
    EXPECT(isinf(crealf(infinityf * f)) || isinf(cimagf(infinityf * f)));
    EXPECT(isinf(creall(infinityl * l)) || isinf(cimagl(infinityl * l)));
    EXPECT(x / infinity == 0 && f / infinityf == 0 && l / infinityl == 0);
    EXPECT(cabs(x) == 5 && fabs(creal(csqrt(x)) - 2) < 1e-15 && cimagl(conjl(l)) == -4);
}

/* The volatile divisors keep the compiler from dividing. */
TEST(libc_math, integers_of_128_bits_are_divided_and_converted)
{
    volatile __int128 n = ((__int128)1 << 100) + 12345, d = -7;
    volatile unsigned __int128 u = ((unsigned __int128)1 << 127) + 3;
    const __int128 quotient = n / d, rest = n % d;
    const unsigned __int128 q = u / 10, r = u % 10;

    EXPECT(quotient * d + rest == n && rest >= 0 && rest < 7);
    EXPECT(q * 10 + r == u && r < 10);
    EXPECT((double)n == 0x1p100 && (double)u == 0x1p127 && (long double)u == 0x1p127L);
    EXPECT((long double)(__int128)(n - 12345) == 0x1p100L && (long double)(d * n) < -0x1p102L);
    EXPECT((float)u == 0x1p127f && (__int128)(double)n == (__int128)1 << 100);
    EXPECT((unsigned __int128)(twol * 0x1p100L) == (unsigned __int128)1 << 101);
}
