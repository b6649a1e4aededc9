/*
 * How assembly in boot/ ends a machine that it cannot start: by QEMU's isa-debug-exit device, as
 * pv/native/shutdown.c does. Without that device the write has no effect, and the CPU halts.
 */
#ifndef BOOT_MACHINE_END_H
#define BOOT_MACHINE_END_H

#define MACHINE_END_PORT  0xf4
#define MACHINE_END_FAIL  0x11 /* 0x10 + enum verdict (kernel/panic.h) */
#define MACHINE_END_ERROR 0x13

#endif
