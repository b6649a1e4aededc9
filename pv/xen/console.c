/* SPDX-License-Identifier: MIT */
/*
 * The Xen console. dom0 reads and writes Xen's own console by hypercall (xen/xen.h, CONSOLEIO_*). A
 * domU has a ring that it shares with the toolstack (xen/io/console.h), which is not implemented
 * yet; until then a domU's output appears in Xen's log if the hypervisor's build permits that.
 */
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"

void xen_console_write(const char *text, size_t len)
{
    xen_console_io(CONSOLEIO_write, (unsigned int)len, (char *)(uintptr_t)text);
}

int xen_console_read(void)
{
    char c;

    return xen_console_io(CONSOLEIO_read, 1, &c) == 1 ? (u8)c : -1;
}
