/* SPDX-License-Identifier: MIT */
/* The functions of POSIX that concern processes. There is one process, the program. */
#include <errno.h>
#include <pthread.h>
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

/* fork fails, so no handler is ever called. */
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    (void)prepare;
    (void)parent;
    (void)child;
    return 0;
}

int execve(const char *path, char *const *arguments, char *const *environment)
{
    (void)path;
    (void)arguments;
    (void)environment;
    errno = ENOSYS;
    return -1;
}

/* Called by newlib's execl, execle and execv. */
int _execve(const char *path, char *const *arguments, char *const *environment);
int _execve(const char *path, char *const *arguments, char *const *environment)
{
    return execve(path, arguments, environment);
}

/* In place of newlib's, which requires that PATH exists. execlp calls it. */
int execvp(const char *file, char *const *arguments)
{
    return execve(file, arguments, environ);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    (void)pid;
    (void)status;
    (void)options;
    errno = ECHILD;
    return -1;
}

pid_t wait(int *status)
{
    return waitpid(-1, status, 0);
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
