/* SPDX-License-Identifier: MIT */
/* The part of <string.h> that a kernel needs, with the meaning of C11, section 7.24. */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/*
 * Copy src to dst, which has room for cap bytes, cap > 0: cut off if it does not fit, and always
 * terminated. Return whether it fitted.
 */
bool str_copy(char *dst, const char *src, size_t cap);

/* Load a little-endian number from any address, aligned or not. */
static inline u32 load32(const void *at)
{
    u32 value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

static inline u64 load64(const void *at)
{
    u64 value;

    __builtin_memcpy(&value, at, sizeof(value));
    return value;
}

#endif
