/* SPDX-License-Identifier: MIT */
/* The contexts of signals. getcontext, setcontext, makecontext and swapcontext do not exist. */
#ifndef LIB_NEWLIB_UCONTEXT_H
#define LIB_NEWLIB_UCONTEXT_H

#include <sys/ucontext.h>

#endif
