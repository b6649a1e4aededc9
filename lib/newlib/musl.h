/* SPDX-License-Identifier: MIT */
/*
 * What newlib's math.h leaves to the library: the mathematical functions are musl's. They report
 * errors by floating-point exceptions and not in errno (math_errhandling), and ilogb(0) and
 * ilogb(NAN) are both INT_MIN.
 */
#define _IEEE_LIBM
#define FP_ILOGB0   (-__INT_MAX__ - 1)
#define FP_ILOGBNAN (-__INT_MAX__ - 1)
