/* SPDX-License-Identifier: MIT */
/*
 * The parts of the Multiboot2 specification, version 2.0, that Paravane uses.
 *
 * All fields are little-endian. The first half has numbers only, for assembly too.
 */
#ifndef BOOT_MULTIBOOT2_H
#define BOOT_MULTIBOOT2_H

/* Section 3.1: the header in the image, within its first 32768 bytes, on an 8-byte boundary. */
#define MULTIBOOT2_HEADER_MAGIC            0xe85250d6
#define MULTIBOOT2_ARCHITECTURE_I386       0 /* entered in 32-bit protected mode */
#define MULTIBOOT2_HEADER_TAG_END          0
#define MULTIBOOT2_HEADER_TAG_REQUEST      1
#define MULTIBOOT2_HEADER_TAG_MODULE_ALIGN 6

/* Section 3.3: what eax holds at the entry; ebx points at the info block. */
#define MULTIBOOT2_BOOTLOADER_MAGIC 0x36d76289

/* Section 3.6: the info block is a head, then tags, each on an 8-byte boundary. */
#define MULTIBOOT2_ALIGN           8
#define MULTIBOOT2_TAG_END         0
#define MULTIBOOT2_TAG_CMDLINE     1
#define MULTIBOOT2_TAG_LOADER_NAME 2
#define MULTIBOOT2_TAG_MODULE      3
#define MULTIBOOT2_TAG_MMAP        6
#define MULTIBOOT2_TAG_ACPI_OLD    14 /* ACPI 1.0's RSDP */
#define MULTIBOOT2_TAG_ACPI_NEW    15 /* that of ACPI 2.0 and later */

#ifndef __ASSEMBLER__

#include "lib/types.h"

struct multiboot2_info {
    u32 total_size; /* of the head and all tags, the end tag included */
    u32 reserved;
};

struct multiboot2_tag {
    u32 type;
    u32 size; /* of this head and what follows it, without padding */
};

/* A tag of type MODULE continues with this and a terminated string. */
struct multiboot2_module {
    u32 start;
    u32 end; /* exclusive */
};

/* A tag of type MMAP continues with this and entries, each of entry_size bytes. */
struct multiboot2_mmap {
    u32 entry_size;
    u32 entry_version;
};

/* The types are those of enum boot_region_type. */
struct multiboot2_mmap_entry {
    u64 base;
    u64 size;
    u32 type;
    u32 reserved;
};

#endif
#endif
