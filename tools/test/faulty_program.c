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

/* Use 6 MiB of stack, and return. */
static int deep_enough(int n)
{
    volatile char fill[1024];

    fill[n & 1023] = (char)n;
    return n ? deep_enough(n - 1) + fill[n & 1023] - (char)n : 0;
}

static int use_up(void)
{
    size_t n = 0;

    while (malloc(1 << 20))
        n++;
    printf("%s after %zu MiB\n", strerror(errno), n);
    return 0;
}

/* Fill the file system, and show that removing the file makes room again. */
static int fill_files(void)
{
    static char block[1 << 16];
    FILE *file = fopen("/tmp/big", "w");
    size_t n = 0;

    while (fwrite(block, sizeof(block), 1, file) == 1)
        n++;
    printf("%s after %zu blocks\n", strerror(errno), n);
    fclose(file);
    if (remove("/tmp/big"))
        return 1;
    file = fopen("/tmp/again", "w");
    return !file || fwrite(block, sizeof(block), 1, file) != 1 || fclose(file);
}

/* Open files until that is refused. */
static int open_many(void)
{
    int n = 0;

    while (fopen("/dev/null", "r"))
        n++;
    printf("%s after %d files\n", strerror(errno), n);
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
    if (!strcmp(what, "recursion"))
        return deep_enough(5500);
    if (!strcmp(what, "files"))
        return fill_files();
    if (!strcmp(what, "descriptors"))
        return open_many();
    while (!strcmp(what, "spin"))
        ;
    if (!strcmp(what, "memory"))
        return use_up();
    return panic;
}
