/* SPDX-License-Identifier: MIT */
/* The expectations that test/libc/answers.h has of newlib, checked with the host's library. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>

#include "harness.h"

#include "test/libc/answers.h"

static const char haystack[] = "paravane";

static void test_formats(void)
{
    char text[128];

#define FORMAT(expected, ...) \
    snprintf(text, sizeof(text), __VA_ARGS__); \
    CHECK_STR(text, expected);
    FORMATS(FORMAT)
}

static void test_values(void)
{
#define VALUE(expected, expression) CHECK_EQ((long long)(expression), expected);
    VALUES(VALUE)
}

int main(void)
{
    RUN(test_formats);
    RUN(test_values);
    return finish("libc answers");
}
