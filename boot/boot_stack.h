/* SPDX-License-Identifier: MIT */
/* The size of the stack that every entry begins on, in bytes (boot_stack.S). */
#ifndef BOOT_BOOT_STACK_H
#define BOOT_BOOT_STACK_H

#define BOOT_STACK_SIZE 0x4000

#endif
