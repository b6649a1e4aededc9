/* SPDX-License-Identifier: MIT */
/* The functions of POSIX that concern processes. There is one process, the program. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/services.h"

#define SELF 1

void _exit(int status)
{
    libc_exit(status & 0xff); /* as waitpid() shows it */
}

pid_t getpid(void)
{
    return SELF;
}

pid_t fork(void)
{
    errno = ENOSYS;
    return -1;
}

int execve(const char *path, char *const *arguments, char *const *environment)
{
    (void)path;
    (void)arguments;
    (void)environment;
    errno = ENOSYS;
    return -1;
}

pid_t wait(int *status)
{
    (void)status;
    errno = ECHILD;
    return -1;
}

/* At most 256 bytes at a time: getentropy(3). */
int getentropy(void *to, size_t len)
{
    if (len > 256) {
        errno = EIO;
        return -1;
    }
    libc_random(to, len);
    return 0;
}
