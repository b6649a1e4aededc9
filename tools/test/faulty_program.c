/* SPDX-License-Identifier: MIT */
/* A program that ends as its argument says: none of these is a good end but "memory". */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int panic = 3;

__attribute__((noinline)) int crash_here(int *p)
{
    return *(volatile int *)p;
}

static int deep(int n)
{
    volatile char fill[512];

    fill[n & 511] = (char)n;
    return deep(n + 1) + fill[0];
}

static int use_up(void)
{
    size_t n = 0;

    while (malloc(1 << 20))
        n++;
    printf("%s after %zu MiB\n", strerror(errno), n);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "crash"))
        return crash_here((int *)(sizeof(int) * argc));
    if (!strcmp(what, "deep"))
        return deep(0);
    if (!strcmp(what, "abort"))
        abort();
    while (!strcmp(what, "spin"))
        ;
    if (!strcmp(what, "memory"))
        return use_up();
    return panic;
}
