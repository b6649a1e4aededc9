/* SPDX-License-Identifier: MIT */
/* Console input of programs: kernel/app_input.c. */
#ifndef KERNEL_APP_INPUT_H
#define KERNEL_APP_INPUT_H

#include "lib/types.h"

/* Read input= of the command line. Ends the run if its value is unknown. */
void app_input_init(void);

#endif
