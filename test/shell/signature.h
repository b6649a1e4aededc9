/* SPDX-License-Identifier: MIT */
/*
 * The types of an op's parameters and of its result, read from the text that the preprocessor makes
 * of the contract: "(u32 leaf, u32 subleaf, struct cpuid_regs *regs)".
 */
#ifndef TEST_SHELL_SIGNATURE_H
#define TEST_SHELL_SIGNATURE_H

#include "lib/types.h"

#define SIGNATURE_PARAMS_MAX 3

struct signature_type {
    char text[40]; /* "const char *"; a pointer's star is its last character */
    u32 bits;      /* of the value: 1 for bool; 0 for void */
    bool is_signed, is_pointer;
};

struct signature_param {
    char name[32];
    struct signature_type type;
};

struct signature {
    u32 count;
    struct signature_param params[SIGNATURE_PARAMS_MAX];
};

/* Read one type. Return false if it is unknown or too long. */
bool signature_type(const char *text, size_t len, struct signature_type *type);

/* Read a list in parentheses; "(void)" has no parameters. */
bool signature_parse(const char *text, struct signature *signature);

/* Return whether a parameter of this type can hold the value: as it is, or sign-extended. */
bool signature_fits(const struct signature_type *type, u64 value);

/* Return the value of a result register: its low bits, sign-extended if the type has a sign. */
u64 signature_result(const struct signature_type *type, u64 word);

#endif
