/* SPDX-License-Identifier: MIT */
/* The patch template of an op that a ROM declares to do nothing (pv/patch/templates.inc). */
#include "pv/patch/templates.inc"

	template_nothing rom_nothing
