/* SPDX-License-Identifier: MIT */
/*
 * main() of a program that is timed; the program's own is called program_main() then. It writes to
 * /dev/null: a console is slow, and not the same on Linux. With QEMU's -icount a nanosecond is an
 * instruction. As Linux's first process it ends the machine.
 */
#include <stdio.h>
#include <time.h>
#ifdef __linux__
#include <sys/reboot.h>
#include <termios.h>
#endif

#undef main

int program_main(int argc, char **argv, char **environment);

static long long now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv, char **environment)
{
    long long started;
    int status;

    if (!freopen("/dev/null", "w", stdout))
        return 99;
    started = now_ns();
    status = program_main(argc, argv, environment);
    fflush(stdout);
    fprintf(stderr, "timed: %lld ns, returned %d\n", now_ns() - started, status);
#ifdef __linux__
    tcdrain(2);
    reboot(RB_AUTOBOOT);
#endif
    return status;
}
