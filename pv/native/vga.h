/* SPDX-License-Identifier: MIT */
/* The text screen of a VGA, for the native console. */
#ifndef PV_NATIVE_VGA_H
#define PV_NATIVE_VGA_H

#include "lib/types.h"

/* Where the machine has its memory, which the direct map must keep mapped while it is in use. */
#define VGA_TEXT_BASE 0xb8000
#define VGA_TEXT_SIZE 0x8000

/* Clear the screen and return true if a VGA shows text; the second call changes nothing. */
bool native_vga_init(void);

void native_vga_write(const char *text, size_t len);

#endif
