/* How a program of the image begins. */
#ifndef LIB_NEWLIB_START_H
#define LIB_NEWLIB_START_H

#include "kernel/services.h"

void libc_start(const struct libc_app *app, const char *words);

#endif
