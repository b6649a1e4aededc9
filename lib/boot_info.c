/* SPDX-License-Identifier: MIT */
/* What the entries and the first exception handlers leave for C: two variables. */
#include "lib/boot_info.h"

u64 boot_entry_tsc;
u32 boot_early_nmis;
