/* SPDX-License-Identifier: MIT */
/*
 * The entry of one program in the image's list of programs (section .apps). Compiled once for each
 * program, with APP_NAME and APP_MAIN: tools/build/programs.mk renames the program's main to
 * APP_MAIN and makes its other names local, so that programs do not collide.
 */
#include "lib/newlib/start.h"

int APP_MAIN(int argc, char **argv, char **environment);

static const struct libc_app app __attribute__((used, section(".apps"), aligned(8))) = {
    {APP_NAME}, APP_MAIN, libc_start, libc_enter};
