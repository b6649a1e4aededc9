/* SPDX-License-Identifier: MIT */
/* The functions of POSIX that concern processes. There is one process, the program. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
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

/* raise() has called a handler if there is one, so this is the signal's default action. */
int kill(pid_t pid, int signal)
{
    char why[64];

    if (pid != SELF && pid != 0 && pid != -1) {
        errno = ESRCH;
        return -1;
    }
    if (signal < 0 || signal >= NSIG) {
        errno = EINVAL;
        return -1;
    }
    if (signal == 0 || signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH)
        return 0;
    snprintf(why, sizeof(why), "signal %d%s", signal, signal == SIGABRT ? " (abort)" : "");
    libc_killed(why);
}

/* No signal arrives from outside, so blocking one has no effect. */
int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    (void)how;
    (void)set;
    if (old)
        *old = 0;
    return 0;
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
