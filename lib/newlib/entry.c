/* SPDX-License-Identifier: MIT */
/*
 * The entry of one program in the image's list of programs (section .apps). Compiled once for each
 * program, with APP_NAME and APP_PREFIX: tools/build/programs.mk renames the program's main and the
 * ends of its lists of constructors and destructors (tools/build/program.ld), and makes its other
 * names local, so that programs do not collide.
 */
#include "lib/newlib/start.h"

#define PASTE(prefix, part) prefix##_##part
#define NAME(prefix, part)  PASTE(prefix, part)
#define APP(part)           NAME(APP_PREFIX, part)

int APP(main)(int argc, char **argv, char **environment);
extern libc_function *const APP(constructors)[], *const APP(constructors_end)[];
extern libc_function *const APP(destructors)[], *const APP(destructors_end)[];

static const struct libc_app app __attribute__((used, section(".apps"), aligned(8))) = {
    {APP_NAME},
    APP(main),
    libc_start,
    libc_enter,
    {APP(constructors), APP(constructors_end)},
    {APP(destructors), APP(destructors_end)},
};
