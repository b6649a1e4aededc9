/* SPDX-License-Identifier: MIT */
/*
 * For libstdc++'s headers, in place of the one of this machine's, which reads glibc's features.h:
 * their templates are instantiated in the program, because their library does not exist here.
 */
#ifndef _GLIBCXX_OS_DEFINES
#define _GLIBCXX_OS_DEFINES 1

#undef _GLIBCXX_EXTERN_TEMPLATE
#define _GLIBCXX_EXTERN_TEMPLATE 0

#endif
