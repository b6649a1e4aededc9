/* SPDX-License-Identifier: MIT */
/* What lwIP wants to know of compiler and library. */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/time.h>

#define LWIP_ERRNO_STDINCLUDE 1
#ifndef SSIZE_MAX /* without it lwIP has a type ssize_t of its own */
#define SSIZE_MAX LONG_MAX
#endif

unsigned sys_random(void);
#define LWIP_RAND() sys_random()

/* End the program: lwIP has found its own state to be wrong. */
void sys_assertion_failed(const char *what, const char *file, int line) __attribute__((noreturn));
#define LWIP_PLATFORM_ASSERT(what) sys_assertion_failed(what, __FILE__, __LINE__)
#define LWIP_PLATFORM_DIAG(message)

typedef int sys_prot_t;

#endif
