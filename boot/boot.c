/*
 * Where all boot paths meet. The entries (entry32.S, entry_xen_pv.S) call boot_main with what the
 * loader left; the kernel is asked to make traps and the console work, and only then is the
 * loader's information read, so that whatever goes wrong there can be told. Next: kernel/main.c.
 */
#include "boot/parse.h"
#include "kernel/kernel.h"
#include "lib/address_map.h"

extern const char _image_end[];

/* Called by the entries only. info: what %ebx held, or for Xen PV what %rsi held. */
void boot_main(enum boot_protocol protocol, u64 info);

void boot_main(enum boot_protocol protocol, u64 info)
{
    static struct boot_info boot_info;
    struct phys_window window = {(const u8 *)DIRECT_MAP_BASE, 0, BOOT_MAP_SIZE};

    kernel_early(protocol, info);
    if (protocol == BOOT_XEN_PV) {
        info -= VIRT_BASE;
        /* What lies behind the start_info page may not be mapped. */
        window = (struct phys_window){(const u8 *)VIRT_BASE, 0, info + PAGE_SIZE};
    }
    kernel_main(&boot_info,
                boot_parse(protocol, &window, info, (u64)_image_end - VIRT_BASE, &boot_info));
}
