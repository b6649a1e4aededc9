/* SPDX-License-Identifier: MIT */
/*
 * The memory map in struct boot_info: regions that a loader, a hypervisor and the platform name are
 * added in any order, then finished into a list that the kernel can rely on.
 *
 * boot/ adds what the loader names, the op memory_map what the platform knows better, and
 * kernel/main.c finishes the map. Bounded and pure, as the parsers are.
 */
#ifndef LIB_MEMORY_MAP_H
#define LIB_MEMORY_MAP_H

#include "lib/boot_info.h"

/* Make the map empty. */
void boot_forget_regions(struct boot_info *bi);

/* Return whether the map has a region: a loader need not give one. */
bool boot_has_regions(const struct boot_info *bi);

/*
 * Add the region [base, base + size). An unknown type counts as reserved; what is above BOOT_PA_MAX
 * is cut off. Where regions overlap, the more restrictive type wins: unusable, NVS, ACPI, reserved,
 * RAM, in that order. Of more than BOOT_REGIONS_MAX regions the largest of RAM are kept, and those
 * that hold the image or a module.
 */
void boot_add_region(struct boot_info *bi, u64 base, u64 size, u32 type);

/*
 * Add memory that a hypervisor's toolstack shares with this kernel: it is mapped as RAM is, and not
 * allocated. It wins over all regions of the loader's map.
 */
void boot_add_shared(struct boot_info *bi, u64 base, u64 size);

/* Add the registers of a platform's device. They win over all regions of the loader's map. */
void boot_add_devices(struct boot_info *bi, u64 base, u64 size);

/*
 * Add whole frames of RAM that have no memory, because the hypervisor's toolstack gives it later if
 * at all. They win over all regions of the loader's map. Those beyond BOOT_GROWTH_MAX times the RAM
 * that has memory are not used, because the tables of what may come take a part of it.
 */
#define BOOT_GROWTH_MAX 16
void boot_add_absent(struct boot_info *bi, u64 first, u64 end);

/* Return how many whole frames of RAM the unfinished map has. */
u64 boot_ram_frames(const struct boot_info *bi);

/*
 * Find the highest region of RAM in the unfinished map: frames [*first, *end). Return false if the
 * map has no whole frame of RAM.
 */
bool boot_top_ram(const struct boot_info *bi, u64 *first, u64 *end);

/* Return whether the map, finished or not, calls the byte at pa RAM. */
bool boot_is_ram(const struct boot_info *bi, u64 pa);

/* Fill regions[] from the map. Return NULL, or what is wrong: a map without a whole page of RAM. */
const char *boot_memory_finish(struct boot_info *bi);

/*
 * Leave off each module that is not in RAM by the finished map, or that overlaps the image, which
 * ends at image_end_pa; count it.
 */
void boot_drop_modules(struct boot_info *bi, u64 image_end_pa);

#endif
