/*
 * Where all boot paths meet. The entries (entry32.S, entry_xen_pv.S) call boot_main with what the
 * loader left; the kernel is asked to make traps and the console work, and only then is the
 * loader's information read, so that whatever goes wrong there can be told. Next: kernel/main.c.
 */
#include "boot/boot_info.h"
#include "boot/layout.h"
#include "kernel/kernel.h"

_Static_assert(BOOT_PROTOCOL_MULTIBOOT2 == BOOT_MULTIBOOT2, "layout.h and boot_info.h agree");
_Static_assert(BOOT_PROTOCOL_PVH == BOOT_PVH, "layout.h and boot_info.h agree");
_Static_assert(BOOT_PROTOCOL_XEN_PV == BOOT_XEN_PV, "layout.h and boot_info.h agree");

extern const char _image_end[];

/* Called by the entries only. info: what %ebx held, or for Xen PV what %rsi held. */
void boot_main(enum boot_protocol protocol, u64 info);

/* Written by the entry in its first instructions. Not in .bss: nothing may zero it again. */
u64 boot_entry_tsc __section(".data");

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
