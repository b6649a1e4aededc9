/* SPDX-License-Identifier: MIT */
/*
 * Put the memory of Bochs's guest into a file that another process has mapped, too
 * (trace/recorder.py). A library that is preloaded into Bochs, which takes that memory by one
 * new[]: the first one of at least as many bytes is a mapping of the file.
 *
 * BOCHS_MEMORY in the environment is "FD BYTES": the file, and how much memory the guest has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void *shared; /* the mapping; NULL: not yet */

static void *map_file(int fd, size_t size)
{
    void *memory = MAP_FAILED;

    if (!ftruncate(fd, (off_t)size))
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        perror("bochs-memory: the guest's memory");
        exit(1);
    }
    return memory;
}

/* operator new[](size_t) */
void *_Znam(size_t size)
{
    const char *wish = getenv("BOCHS_MEMORY");
    size_t bytes;
    void *memory;
    int fd;

    if (!shared && wish && sscanf(wish, "%d %zu", &fd, &bytes) == 2 && size >= bytes) {
        shared = map_file(fd, size);
        return shared;
    }
    memory = malloc(size ? size : 1);
    if (!memory) {
        perror("bochs-memory");
        exit(1);
    }
    return memory;
}

/* operator delete[](void *) */
void _ZdaPv(void *memory)
{
    if (memory != shared || !shared)
        free(memory);
}
