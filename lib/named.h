/* SPDX-License-Identifier: MIT */
/* The first member of structs that the linker gathers and that are found by name (find_named). */
#ifndef LIB_NAMED_H
#define LIB_NAMED_H

struct named {
    const char *name;
};

#endif
