/* SPDX-License-Identifier: MIT */
/* What other C libraries have by this name; programs include it. */
#include <sys/features.h>
