/* SPDX-License-Identifier: MIT */
/*
 * For tools/paravane/selftest/programs.py: a program of C and assembly files in several folders,
 * with constructors and destructors, and with the instructions that a process may execute.
 */
#include <cpuid.h>
#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

#include "part/part.h"

__attribute__((constructor)) static void build_last(void)
{
    puts("constructor without a priority");
}

__attribute__((constructor(200))) static void build_second(void)
{
    puts("constructor 200");
}

__attribute__((constructor(101))) static void build_first(void)
{
    puts("constructor 101");
}

__attribute__((destructor(101))) static void destroy_last(void)
{
    puts("destructor 101");
}

__attribute__((destructor)) static void destroy_first(void)
{
    puts("destructor without a priority");
}

static void at_exit(void)
{
    puts("at exit");
}

int main(void)
{
    unsigned a, b, c, d;
    volatile double zero = 0, infinite;

    atexit(at_exit);
    printf("the C file of the subfolder returns %d, its assembly %d\n", from_c(20),
           from_assembly(22));
    printf("cpuid %s\n", __get_cpuid(1, &a, &b, &c, &d) && d & bit_SSE2 ? "has SSE2" : "fails");
    printf("rdtsc %s\n", __rdtsc() < __rdtsc() ? "advances" : "is stuck");
    feclearexcept(FE_ALL_EXCEPT);
    infinite = 1 / zero;
    printf("fenv %s\n", infinite > 0 && fetestexcept(FE_ALL_EXCEPT) == FE_DIVBYZERO
                            ? "has the division by zero"
                            : "fails");
    return 0;
}
