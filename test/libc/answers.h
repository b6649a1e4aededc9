/* SPDX-License-Identifier: MIT */
/*
 * Results that a C library must produce: ANSWER(function call that fills text[], expected text).
 * The suite checks newlib (test/libc/libc.c), and test/host/test_libc_answers.c checks the host's
 * own library, so that no expectation is a guess.
 */
#ifndef TEST_LIBC_ANSWERS_H
#define TEST_LIBC_ANSWERS_H

#define FORMATS(F) \
    F("[    42]", "[%6d]", 42) \
    F("[42    ]", "[%-6d]", 42) \
    F("[000042]", "[%06d]", 42) \
    F("[+42]", "[%+d]", 42) \
    F("[ 42]", "[% d]", 42) \
    F("[-2147483648]", "[%d]", -2147483647 - 1) \
    F("[18446744073709551615]", "[%zu]", (size_t)-1) \
    F("[deadbeefcafe]", "[%llx]", 0xdeadbeefcafeull) \
    F("[0xff 0377 FF]", "[%#x %#o %X]", 255, 255, 255) \
    F("[-128 255]", "[%hhd %hhu]", (signed char)-128, (unsigned char)255) \
    F("[-9223372036854775808]", "[%jd]", (intmax_t)INT64_MIN) \
    F("[123456789012]", "[%" PRId64 "]", (int64_t)123456789012) \
    F("[  abc]", "[%5.3s]", "abcdef") \
    F("[x%]", "[%c%%]", 'x') \
    F("[   7]", "[%*d]", 4, 7) \
    F("[3.14]", "[%.2f]", 3.14159) \
    F("[0.1000000000000000055511151231257827]", "[%.34f]", 0.1) \
    F("[-0.000000]", "[%f]", -0.0) \
    F("[1.000000e+10]", "[%e]", 1e10) \
    F("[1e+10]", "[%g]", 1e10) \
    F("[100000]", "[%g]", 1e5) \
    F("[0.0001]", "[%g]", 1e-4) \
    F("[1.7976931348623157e+308]", "[%.17g]", 1.7976931348623157e308) \
    F("[4.9406564584124654e-324]", "[%.17g]", 4.9406564584124654e-324) \
    F("[inf -inf nan]", "[%f %f %f]", HUGE_VAL, -HUGE_VAL, (double)NAN) \
    F("[2 2 4]", "[%.0f %.0f %.0f]", 1.5, 2.5, 3.5) \
    F("[0x1.8p+1]", "[%a]", 3.0) \
    F("[1.000000000000000000]", "[%.18Lf]", 1.0L) \
    F("[ 12.50]", "[%6.2f]", 12.5)

/* An expression of type long long and its value. */
#define VALUES(V) \
    V(7, strlen("paravan")) \
    V(0, strcmp("abc", "abc")) \
    V(1, strcmp("b", "a") > 0) \
    V(1, strcmp("\xff", "a") > 0) \
    V(0, strncmp("abcx", "abcy", 3)) \
    V(3, strcspn("abc,def", ",")) \
    V(2, strspn("aab", "a")) \
    V(4, strchr(haystack, 'v') - haystack) \
    V(5, strrchr(haystack, 'a') - haystack) \
    V(2, strstr(haystack, "rav") - haystack) \
    V(1, strstr(haystack, "xyz") == NULL) \
    V(1, memcmp("a\0b", "a\0c", 3) < 0) \
    V(8, (const char *)memchr(haystack, 0, sizeof(haystack)) - haystack) \
    V(-42, atoi(" -42xyz")) \
    V(255, strtol("0xff", NULL, 0)) \
    V(-8, strtol("-010", NULL, 0)) \
    V(35, strtol("z", NULL, 36)) \
    V(INT64_MAX, strtoll("99999999999999999999", NULL, 10)) \
    V(1, strtod("0.1", NULL) == 0.1) \
    V(1, strtod("1e-400", NULL) == 0.0) \
    V(1, strtod("0x1.8p1", NULL) == 3.0) \
    V(1, strtod("179769313486231580793728971405301e276", NULL) > 1e308) \
    V(1, isalpha('z') && !isalpha('1') && isxdigit('F') && isspace('\t')) \
    V('A', toupper('a')) \
    V(3, div(11, 3).quot) \
    V(-2, div(-11, 3).rem) \
    V(2, sqrt(4.0)) \
    V(1024, pow(2, 10)) \
    V(-3, floor(-2.5)) /* prose: allow */ \
    V(-2, ceil(-2.5)) \
    V(2, rint(2.5)) \
    V(3, lround(2.5)) \
    V(1, fabs(sin(1.0) - 0.8414709848078965) < 1e-15) \
    V(1, fabs(exp(1.0) - 2.718281828459045) < 1e-15)

#endif
