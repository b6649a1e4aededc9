/* SPDX-License-Identifier: MIT */
/* The values of the system that a program may ask for (IEEE Std 1003.1-2017, sysconf, pathconf). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "lib/newlib/thread.h"

#define POSIX_VERSION 200809L

struct value {
    int name;
    long value; /* -1: no limit, or an option that does not exist. errno does not change. */
};

static const struct value of_system[] = {
    {_SC_VERSION, POSIX_VERSION},
    {_SC_PAGESIZE, 4096},
    {_SC_CLK_TCK, CLOCKS_PER_SEC},
    {_SC_ARG_MAX, ARG_MAX},
    {_SC_CHILD_MAX, 0},
    {_SC_NGROUPS_MAX, 0},
    {_SC_TZNAME_MAX, -1},
    {_SC_LINE_MAX, LINE_MAX},
    {_SC_ATEXIT_MAX, -1},
    {_SC_TIMERS, _POSIX_TIMERS},
    {_SC_TIMEOUTS, _POSIX_TIMEOUTS},
    {_SC_MONOTONIC_CLOCK, _POSIX_MONOTONIC_CLOCK},
    {_SC_CPUTIME, _POSIX_CPUTIME},
    {_SC_CLOCK_SELECTION, _POSIX_CLOCK_SELECTION},
    {_SC_THREADS, _POSIX_THREADS},
    {_SC_THREAD_SAFE_FUNCTIONS, POSIX_VERSION},
    {_SC_THREAD_ATTR_STACKADDR, _POSIX_THREAD_ATTR_STACKADDR},
    {_SC_THREAD_ATTR_STACKSIZE, _POSIX_THREAD_ATTR_STACKSIZE},
    {_SC_THREAD_KEYS_MAX, KEYS_MAX},
    {_SC_THREAD_STACK_MIN, PTHREAD_STACK_MIN},
    {_SC_THREAD_THREADS_MAX, THREADS_MAX},
    {_SC_THREAD_DESTRUCTOR_ITERATIONS, 4},
    {_SC_READER_WRITER_LOCKS, _POSIX_READER_WRITER_LOCKS},
    {_SC_BARRIERS, _POSIX_BARRIERS},
    {_SC_SPIN_LOCKS, _POSIX_SPIN_LOCKS},
    {_SC_SEMAPHORES, _POSIX_SEMAPHORES},
    {_SC_SEM_VALUE_MAX, SEM_VALUE_MAX},
    {_SC_SEM_NSEMS_MAX, -1},
    {_SC_REGEXP, 1},
    {_SC_THREAD_PROCESS_SHARED, -1},
    {_SC_THREAD_PRIORITY_SCHEDULING, -1},
    {_SC_THREAD_PRIO_INHERIT, -1},
    {_SC_THREAD_PRIO_PROTECT, -1},
    {_SC_THREAD_CPUTIME, -1},
    {_SC_PRIORITY_SCHEDULING, -1},
    {_SC_REALTIME_SIGNALS, -1},
    {_SC_ASYNCHRONOUS_IO, -1},
    {_SC_MAPPED_FILES, -1},
    {_SC_MEMLOCK, -1},
    {_SC_MEMORY_PROTECTION, -1},
    {_SC_MESSAGE_PASSING, -1},
    {_SC_SHARED_MEMORY_OBJECTS, -1},
    {_SC_SPAWN, -1},
    {_SC_JOB_CONTROL, -1},
    {_SC_SAVED_IDS, -1},
};

/* The same for every file, which may have 1 TiB. */
static const struct value of_files[] = {
    {_PC_LINK_MAX, LINK_MAX}, {_PC_NAME_MAX, NAME_MAX}, {_PC_PATH_MAX, PATH_MAX},
    {_PC_FILESIZEBITS, 42},   {_PC_NO_TRUNC, 1},        {_PC_SYNC_IO, 1},
    {_PC_2_SYMLINKS, 0},      {_PC_SYMLINK_MAX, -1},    {_PC_PIPE_BUF, -1},
    {_PC_ASYNC_IO, -1},       {_PC_PRIO_IO, -1},
};

/* Return the value of a name, or -1 and set errno. */
static long value_of(const struct value *values, size_t count, int name)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].name == name)
            return values[i].value;
    errno = EINVAL;
    return -1;
}

long sysconf(int name)
{
    if (name == _SC_NPROCESSORS_CONF || name == _SC_NPROCESSORS_ONLN)
        return libc_cpus();
    return value_of(of_system, sizeof(of_system) / sizeof(of_system[0]), name);
}

static long file_value(int name)
{
    return value_of(of_files, sizeof(of_files) / sizeof(of_files[0]), name);
}

long pathconf(const char *path, int name)
{
    return access(path, F_OK) ? -1 : file_value(name);
}

long fpathconf(int fd, int name)
{
    return fcntl(fd, F_GETFL) < 0 ? -1 : file_value(name);
}
