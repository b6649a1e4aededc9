/* SPDX-License-Identifier: MIT */
/*
 * The part of ACPI that this kernel uses: finding a table, and the registers that turn the machine
 * off (ACPI specification 6.4, chapters 4 and 5). Pure functions over a window of physical memory;
 * the length and the checksum of every table are checked before it is used.
 */
#ifndef LIB_ACPI_H
#define LIB_ACPI_H

#include "lib/boot_info.h"
#include "lib/phys_window.h"

/* What every table starts with (section 5.2.6). */
struct acpi_header {
    char signature[4];
    u32 length; /* bytes, this header included */
    u8 revision;
    u8 checksum; /* makes the sum of all bytes 0 */
    char oem_id[6];
    char oem_table_id[8];
    u32 oem_revision;
    u32 creator_id;
    u32 creator_revision;
} __packed;

/* Return the first table of this signature (four letters), or NULL. *info has the RSDP. */
const struct acpi_header *acpi_find_table(const struct phys_window *w, const struct boot_info *info,
                                          const char *signature);

/*
 * The registers and values that enter S5, soft off (sections 4.8.3.2 and 4.8.3.7). A port or
 * address that the machine does not have is 0.
 */
struct acpi_soft_off {
    u16 pm1a_port, pm1a_value;
    u16 pm1b_port, pm1b_value;
    u64 sleep_control_pa; /* a byte of memory, on hardware-reduced machines */
    u8 sleep_control_value;
};

/* Find them in the FADT and the DSDT. All are 0 if a table is missing or damaged. */
struct acpi_soft_off acpi_find_soft_off(const struct phys_window *w, const struct boot_info *info);

#endif
