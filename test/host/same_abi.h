/* SPDX-License-Identifier: MIT */
/* Compare, at compile time, structs and constants of ours with those of Xen's headers. */
#ifndef TEST_HOST_SAME_ABI_H
#define TEST_HOST_SAME_ABI_H

#include "lib/types.h"

#define SAME_PLACE(ours, theirs, field, other) \
    _Static_assert(offsetof(struct ours, field) == offsetof(struct theirs, other), #field)
#define SAME_FIELD(ours, theirs, field, other) \
    SAME_PLACE(ours, theirs, field, other); \
    _Static_assert(sizeof(((struct ours *)0)->field) == sizeof(((struct theirs *)0)->other), #field)
#define SAME_VALUE(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)

#endif
