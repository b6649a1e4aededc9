/* SPDX-License-Identifier: MIT */
/*
 * How assembly in boot/ ends a machine that it cannot start: by QEMU's isa-debug-exit device, as
 * pv/native/shutdown.c does. Without that device the CPU halts.
 */
#ifndef BOOT_MACHINE_END_H
#define BOOT_MACHINE_END_H

#include "pv/native/debug_exit.h"

/* The verdicts of enum verdict (kernel/panic.h). */
#define MACHINE_END_FAIL  (DEBUG_EXIT_BASE + 1)
#define MACHINE_END_ERROR (DEBUG_EXIT_BASE + 3)

#endif
