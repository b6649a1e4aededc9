/* SPDX-License-Identifier: MIT */
/*
 * QEMU's isa-debug-exit device, for C and assembly: a byte written to its port ends QEMU with the
 * exit status byte << 1 | 1. Without the device the write has no effect.
 */
#ifndef PV_NATIVE_DEBUG_EXIT_H
#define PV_NATIVE_DEBUG_EXIT_H

#define DEBUG_EXIT_PORT 0xf4
#define DEBUG_EXIT_BASE 0x10 /* added to the verdict, so that QEMU's own exit codes differ */

#endif
