/* SPDX-License-Identifier: MIT */
/* How the kernel starts a program of the image. */
#ifndef LIB_NEWLIB_START_H
#define LIB_NEWLIB_START_H

#include "kernel/services.h"

/* Call main() with the words of the command line, then exit(). Never returns. */
void libc_start(const struct libc_app *app, const char *words);

#endif
