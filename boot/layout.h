/* Where the image and its first mappings lie; linker.ld and boot/entry32.S keep to it. */
#ifndef BOOT_LAYOUT_H
#define BOOT_LAYOUT_H

/* Pseudo-physical 0 is mapped here: the top 2 GiB, which -mcmodel=kernel needs. */
#define VIRT_BASE 0xffffffff80000000

/*
 * On the 32-bit entries the first 4 GiB of physical memory are also mapped here, at slot 272 of the
 * root table. Slots 256 to 271 belong to Xen in a PV guest (xen/arch-x86/xen-x86_64.h), so no
 * backend minds the kernel's use of this one.
 */
#define DIRECT_MAP_BASE 0xffff880000000000
#define DIRECT_MAP_SLOT 272
#define BOOT_MAP_SIZE   0x100000000

#define BOOT_IMAGE_BASE 0x100000 /* the image's physical address, linker.ld's LOAD_BASE */
#define BOOT_STACK_SIZE 0x4000

/* The values of enum boot_protocol, for assembly; boot/boot.c asserts that they agree. */
#define BOOT_PROTOCOL_MULTIBOOT2 1
#define BOOT_PROTOCOL_PVH        2
#define BOOT_PROTOCOL_XEN_PV     3

#endif
