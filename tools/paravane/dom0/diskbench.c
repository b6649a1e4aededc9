/* SPDX-License-Identifier: MIT */
/*
 * Transfer blocks of 4 KiB from and to a disk, as lines of input say: the same program for Paravane
 * and for Linux (tools/paravane/dom0/beside_linux.py).
 *
 *   read|write seq|random COUNT    answered by "diskbench: done COUNT"
 *   idle seq COUNT                 the same without a transfer
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef O_DIRECT
#define O_DIRECT 0 /* without a page cache, each read and write is a transfer */
#endif

#define BLOCK 4096

static unsigned char *block;
static unsigned long nr_blocks;

/* Return the n-th block's number. */
static unsigned long place(int is_random, unsigned long n)
{
    static unsigned long random = 15;

    if (!is_random)
        return 1 + n % (nr_blocks - 1); /* the first has the disk's mark */
    random = random * 6364136223846793005ul + 1442695040888963407ul;
    return 1 + (random >> 33) % (nr_blocks - 1);
}

static int transfer(int fd, const char *what, int is_random, unsigned long count)
{
    for (unsigned long i = 0; i < count && strcmp(what, "idle"); i++) {
        const off_t at = (off_t)(place(is_random, i) * BLOCK);
        const ssize_t done =
            !strcmp(what, "read") ? pread(fd, block, BLOCK, at) : pwrite(fd, block, BLOCK, at);

        if (done != BLOCK)
            return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/dev/xvda";
    const int fd = open(path, O_RDWR | O_DIRECT);
    const off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    char line[80], what[8], order[8];
    unsigned long count;

    block = aligned_alloc(BLOCK, BLOCK);
    if (!block || size < 2 * BLOCK) {
        printf("diskbench: %s is not a disk\n", path);
        return 1;
    }
    nr_blocks = (unsigned long)size / BLOCK;
    memset(block, 0x5a, BLOCK);
    printf("diskbench: ready\n");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        if (sscanf(line, "%7s %7s %lu", what, order, &count) != 3)
            break;
        printf("diskbench: %s %lu\n",
               transfer(fd, what, !strcmp(order, "random"), count) ? "done" : "failed", count);
        fflush(stdout);
    }
    return 0;
}
