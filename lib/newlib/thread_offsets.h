/* SPDX-License-Identifier: MIT */
/* Offsets in struct pthread for assembly; thread.h compares them. */
#ifndef LIB_NEWLIB_THREAD_OFFSETS_H
#define LIB_NEWLIB_THREAD_OFFSETS_H

#define PTHREAD_ON_ALTERNATE 8
#define PTHREAD_REENT        16

#endif
