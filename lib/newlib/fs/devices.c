/* SPDX-License-Identifier: MIT */
/* The devices that /dev always has: the console, null, zero and random numbers. */
#include "lib/newlib/fs/devices.h"

#include <errno.h>
#include <string.h>
#include <sys/lock.h>

#include "kernel/services.h"
#include "lib/newlib/thread.h"

#define CTRL_D 4

/* Held while a thread waits for console input. */
static struct __lock console_lock;

/*
 * As libc_console_read_interruptible, but run handlers of signals that arrive in the meantime, and
 * return LIBC_CONSOLE_INTERRUPTED after one without SA_RESTART only.
 */
static int read_console(char *to, size_t len)
{
    const struct pthread *t = this_pthread();
    const uint32_t before = t->interrupting;
    int n;

    do {
        n = libc_console_read_interruptible(
            to, len, (struct libc_interrupt){&t->interrupts, INTERRUPT_SIGNAL});
        if (n == LIBC_CONSOLE_INTERRUPTED)
            signals_point();
    } while (n == LIBC_CONSOLE_INTERRUPTED && t->interrupting == before);
    return n;
}

/* Read up to the end of a line. If a person types, Ctrl-D ends it too, or the file if it is first.
 */
static int read_line(char *to, size_t len)
{
    const bool typed = libc_console_kind() == LIBC_CONSOLE_KEYS;
    size_t n = 0;
    int got = 0;

    while (n < len && (got = read_console(to + n, 1)) > 0) {
        if (typed && to[n] == CTRL_D)
            break;
        if (typed && to[n] == '\r')
            to[n] = '\n';
        if (to[n++] == '\n')
            break;
    }
    return n || got >= 0 ? (int)n : got;
}

static int console_read(const struct fs_device *device, off_t at, void *to, size_t len)
{
    int n;

    (void)device, (void)at;
    __retarget_lock_acquire(&console_lock);
    n = libc_console_kind() == LIBC_CONSOLE_PIPE ? read_console(to, len) : read_line(to, len);
    __retarget_lock_release(&console_lock);
    return n == LIBC_CONSOLE_INTERRUPTED ? -EINTR : n < 0 ? -EIO : n;
}

static int console_write(const struct fs_device *device, off_t at, const void *from, size_t len)
{
    (void)device, (void)at;
    libc_console_write(from, len);
    return (int)len;
}

static int null_read(const struct fs_device *device, off_t at, void *to, size_t len)
{
    (void)device, (void)at, (void)to, (void)len;
    return 0;
}

static int null_write(const struct fs_device *device, off_t at, const void *from, size_t len)
{
    (void)device, (void)at, (void)from;
    return (int)len;
}

static int zero_read(const struct fs_device *device, off_t at, void *to, size_t len)
{
    (void)device, (void)at;
    memset(to, 0, len);
    return (int)len;
}

static int random_read(const struct fs_device *device, off_t at, void *to, size_t len)
{
    (void)device, (void)at;
    libc_random(to, len);
    return (int)len;
}

static const struct fs_device devices[] = {
    {.name = "console", .kind = S_IFCHR, .read = console_read, .write = console_write},
    {.name = "stdin", .kind = S_IFCHR, .read = console_read, .write = console_write},
    {.name = "tty", .kind = S_IFCHR, .read = console_read, .write = console_write},
    {.name = "null", .kind = S_IFCHR, .read = null_read, .write = null_write},
    {.name = "zero", .kind = S_IFCHR, .read = zero_read, .write = null_write},
    {.name = "random", .kind = S_IFCHR, .read = random_read, .write = null_write},
    {.name = "urandom", .kind = S_IFCHR, .read = random_read, .write = null_write},
};

bool device_is_console(const struct fs_device *device)
{
    return device && device->write == console_write;
}

bool device_is_pipe(const struct fs_device *device)
{
    return device && !strcmp(device->name, "stdin") && libc_console_kind() == LIBC_CONSOLE_PIPE;
}

int devices_add(void)
{
    int error = 0;

    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]) && !error; i++)
        error = fs_add_device(&devices[i]);
    return error == EEXIST ? 0 : error;
}
