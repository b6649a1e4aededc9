/*
 * The little of ACPI that a kernel this size wants: find a table, and learn how to turn the machine
 * off. Pure functions over a window of physical memory; every table is checked (length, checksum)
 * before it is believed. After the ACPI specification 6.4, chapters 4 and 5.
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

/* The first table of this signature (four letters), or NULL. *info says where the RSDP is. */
const struct acpi_header *acpi_find_table(const struct phys_window *w, const struct boot_info *info,
                                          const char *signature);

/*
 * What to write, and where, to enter S5, soft off (sections 4.8.3.2 and 4.8.3.7). Ports and
 * addresses that the machine lacks are 0.
 */
struct acpi_soft_off {
    u16 pm1a_port, pm1a_value;
    u16 pm1b_port, pm1b_value;
    u64 sleep_control_pa; /* a byte of memory, on hardware-reduced machines */
    u8 sleep_control_value;
};

struct acpi_soft_off acpi_find_soft_off(const struct phys_window *w, const struct boot_info *info);

#endif
