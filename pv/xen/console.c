/*
 * The Xen console. dom0 has Xen's own, by hypercall (xen/xen.h, CONSOLEIO_*). A domU has a ring
 * shared with the toolstack instead (xen/io/console.h); its place is here. Until it is filled, a
 * domU's output goes to Xen's log where the hypervisor's build lets it.
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
