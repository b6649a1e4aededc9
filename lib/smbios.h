/* SPDX-License-Identifier: MIT */
/*
 * The part of SMBIOS that this kernel uses: the serial number by which firmware names the machine
 * (SMBIOS specification 3.6, sections 5.2 and 7.2). A pure function over a window of physical
 * memory; the lengths and the checksum of a table are checked before it is used.
 */
#ifndef LIB_SMBIOS_H
#define LIB_SMBIOS_H

#include "lib/phys_window.h"

/*
 * Copy the machine's serial number to serial, which has room for cap bytes, cap > 0; "" if firmware
 * has no table, no serial number, or a damaged table. A longer one is cut. The table's entry point
 * is searched where a BIOS has it, from 0xf0000 to 0xfffff: UEFI reports it elsewhere.
 */
void smbios_serial_number(const struct phys_window *w, char *serial, size_t cap);

#endif
