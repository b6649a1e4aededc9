/* test/host/test_libc_answers.c: what test/libc/answers.h expects of newlib, asked of this
 * machine's library. */
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
