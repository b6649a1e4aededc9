/* SPDX-License-Identifier: MIT */
/*
 * Slow memory, as of a host that has moved a guest's pages to a disk: a page is missing until the
 * guest touches it, and this program provides it, filled with zeros, some time later (Linux,
 * Documentation/admin-guide/mm/userfaultfd.rst).
 */
#define _GNU_SOURCE
#include "vmm.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ull

static int faults;

static void *provide_pages(void *unused)
{
    struct uffd_msg message;
    struct uffdio_zeropage zeros = {.range.len = PAGE};

    (void)unused;
    for (;;) {
        if (read(faults, &message, sizeof(message)) != sizeof(message))
            end(EXIT_FAULT, "read of userfaultfd: %s", strerror(errno));
        usleep(options.slow * 1000);
        zeros.range.start = message.arg.pagefault.address & ~(PAGE - 1);
        if (ioctl(faults, UFFDIO_ZEROPAGE, &zeros) && errno != EEXIST)
            end(EXIT_FAULT, "UFFDIO_ZEROPAGE: %s", strerror(errno));
        machine.slow_pages++;
    }
}

void make_slow(uint8_t *memory, uint64_t size)
{
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register region = {.range = {(uint64_t)memory, size},
                                     .mode = UFFDIO_REGISTER_MODE_MISSING};

    faults = must((int)syscall(SYS_userfaultfd, O_CLOEXEC), "userfaultfd");
    must(ioctl(faults, UFFDIO_API, &api), "UFFDIO_API");
    must(ioctl(faults, UFFDIO_REGISTER, &region), "UFFDIO_REGISTER");
    start_thread(provide_pages, 0);
}
