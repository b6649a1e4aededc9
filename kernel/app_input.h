/* SPDX-License-Identifier: MIT */
/* Console input of programs: kernel/app_input.c. */
#ifndef KERNEL_APP_INPUT_H
#define KERNEL_APP_INPUT_H

#include "lib/types.h"

/*
 * Read input= of the command line, and bind the console's interrupt. Ends the run if the value is
 * unknown. Context: the boot thread.
 */
void app_input_init(void);

#endif
