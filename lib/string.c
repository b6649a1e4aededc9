/* SPDX-License-Identifier: MIT */
/*
 * The memory and string functions that the compiler expects and the kernel uses.
 *
 * They are called before exceptions are handled and before the kernel's page tables exist, so they
 * allocate nothing and keep no state, and use no SSE. Compilers replace a loop that copies or fills
 * by a call of memcpy or memset; the loops here are written so that this does not happen, because
 * the function would call itself.
 */
#include "lib/string.h"

/* Ascending copy and fill: eight bytes a step, then the rest. The ABI keeps DF clear. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    void *d = dst;
    size_t words = n / 8;
    size_t rest = n % 8;

    __asm__ volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(rest) : : "memory");
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    void *d = dst;
    u64 fill = (u8)c * 0x0101010101010101ul;
    size_t words = n / 8;
    size_t rest = n % 8;

    __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(fill) : "memory");
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(fill) : "memory");
    return dst;
}

/*
 * Only a dst inside of [src, src + n) needs the descending copy. It is a loop and not "std; rep
 * movsb", so that no exception handler ever starts with DF set because of us.
 */
void *memmove(void *dst, const void *src, size_t n)
{
    u8 *d = dst;
    const u8 *s = src;

    if ((uintptr_t)dst - (uintptr_t)src >= n)
        return memcpy(dst, src, n);
    while (n > 0) {
        n--;
        d[n] = s[n];
        barrier();
    }
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a;
    const u8 *y = b;

    for (size_t i = 0; i < n; i++) {
        if (x[i] != y[i])
            return x[i] - y[i];
    }
    return 0;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i])
            return (u8)a[i] - (u8)b[i];
        if (!a[i])
            break;
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (!*s)
            return NULL;
    }
}

bool str_copy(char *dst, const char *src, size_t cap)
{
    size_t i;

    for (i = 0; i + 1 < cap && src[i]; i++)
        dst[i] = src[i];
    dst[i] = '\0';
    return !src[i];
}
