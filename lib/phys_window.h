/* SPDX-License-Identifier: MIT */
/*
 * A bounded view of physical memory, through which every parser of a loader's or of firmware's
 * tables reads.
 *
 * Addresses and lengths in such tables may be wrong, so no parser follows one itself: it asks the
 * window, which returns NULL for whatever is not wholly inside. The host's tests and fuzzers give
 * the parsers windows onto arbitrary bytes.
 */
#ifndef LIB_PHYS_WINDOW_H
#define LIB_PHYS_WINDOW_H

#include "lib/types.h"

/*
 * The byte at physical address start + i is base[i]. base and start are equally aligned. Address 0
 * means "not present" in every table that is read this way, so it is outside of every window.
 */
struct phys_window {
    const u8 *base;
    u64 start;
    u64 size; /* bytes */
};

/* Return whether len units at start end within the first size of them. start + len may overflow. */
bool fits(u64 start, u64 len, u64 size);

/* Return a pointer to the bytes [pa, pa + len), or NULL if one of them is outside of the window. */
const void *phys_window_get(const struct phys_window *w, u64 pa, u64 len);

/*
 * Make *part the window of the bytes [pa, pa + len), with the same addresses. Return false, with
 * *part empty, if one of them is outside of *w.
 */
bool phys_window_cut(const struct phys_window *w, u64 pa, u64 len, struct phys_window *part);

/* Copy the bytes to dst. Return false, with dst unchanged, if one of them is outside. */
bool phys_window_read(const struct phys_window *w, u64 pa, void *dst, size_t len);

/*
 * Copy the NUL-terminated string at pa to dst, which has room for cap bytes, cap > 0, and is always
 * terminated. Return NULL, or what is wrong: the string does not end inside the window, or does not
 * fit; dst then holds its beginning.
 */
const char *phys_window_string(const struct phys_window *w, u64 pa, char *dst, size_t cap);

#endif
