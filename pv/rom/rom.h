/* SPDX-License-Identifier: MIT */
/* What the suite needs of the ROM backend. */
#ifndef PV_ROM_ROM_H
#define PV_ROM_ROM_H

#include "pv/rom/loader.h"

/* area.S */
extern u8 pv_rom_area[ROM_SIZE_MAX];
void rom_nothing(void);

/* setup.c: the ROM as it was found, with bytes in the kernel's text. Written: by early_init. */
extern struct rom_image rom_loaded;

#endif
