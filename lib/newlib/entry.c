/*
 * Built once a program, with APP_NAME and APP_MAIN: makes main() known to the kernel. The Makefile
 * renames a program's main to APP_MAIN and hides all its other names, so that programs do not
 * collide.
 */
#include "lib/newlib/start.h"

int APP_MAIN(int argc, char **argv, char **environment);

static const struct libc_app app __attribute__((used, section(".apps"), aligned(8))) = {
    {APP_NAME}, APP_MAIN, libc_start, libc_enter};
