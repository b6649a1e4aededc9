/*
 * What PAYLOAD, INJECT and their like register: the linker gathers each kind in a section, which is
 * an array of structs that begin with their name.
 */
#ifndef KERNEL_NAMED_H
#define KERNEL_NAMED_H

#include "lib/types.h"

/*
 * The one called name of the structs of size bytes in [start, end). If there is none, all names are
 * listed and the run ends with an error; kind is what they are called in it.
 */
const void *find_named(const char *kind, const void *start, const void *end, size_t size,
                       const char *name);

#endif
