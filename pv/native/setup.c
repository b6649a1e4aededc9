/*
 * The native backend: bare metal, or an emulator that pretends to be. It stands at the end of the
 * list in pv/pv.c, so whoever comes here has found no hypervisor that knows better.
 */
#include "pv/native/native.h"
#include "pv/selectors.h"

static const char *native_probe(enum boot_protocol protocol)
{
    return protocol == BOOT_XEN_PV ? "a Xen PV guest runs at CPL 3: the CPU is Xen's" : NULL;
}

static const char *native_early_init(u64 loader_info)
{
    (void)loader_info;
    return native_console_init() ? NULL : "no UART at 0x3f8 and no debug port at 0xe9";
}

/* The loader asked the firmware already. */
const char *native_memory_map(struct boot_info *info)
{
    (void)info;
    return NULL;
}

void native_platform_init(const struct boot_info *info)
{
    native_shutdown_init(info);
}

static const struct pv_setup_ops native_setup_ops = {
    .early_init = native_early_init,
    .trap_init = native_trap_init,
    .memory_map = native_memory_map,
    .platform_init = native_platform_init,
    .console_write = native_console_write,
    .console_read = native_console_read,
    .get_wallclock = native_get_wallclock,
    .shutdown = native_shutdown,
};

const struct pv_backend pv_backend_native = {
    .name = "native",
    .probe = native_probe,
    .setup = &native_setup_ops,
    .cpu = &native_cpu_ops,
    .kernel_cs = KERNEL_CS,
    .kernel_ss = KERNEL_DS,
};
