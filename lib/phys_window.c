/* SPDX-License-Identifier: MIT */
/* The bounded view of physical memory that lib/phys_window.h describes. */
#include "lib/phys_window.h"

#include "lib/string.h"

bool fits(u64 start, u64 len, u64 size)
{
    return start <= size && len <= size - start;
}

const void *phys_window_get(const struct phys_window *w, u64 pa, u64 len)
{
    u64 offset = pa - w->start; /* a pa below the start wraps around, to far beyond the end */

    return pa && fits(offset, len, w->size) ? w->base + offset : NULL;
}

bool phys_window_cut(const struct phys_window *w, u64 pa, u64 len, struct phys_window *part)
{
    *part = (struct phys_window){phys_window_get(w, pa, len), pa, len};
    return part->base != NULL;
}

bool phys_window_read(const struct phys_window *w, u64 pa, void *dst, size_t len)
{
    const void *src = phys_window_get(w, pa, len);

    if (src)
        memcpy(dst, src, len);
    return src != NULL;
}

const char *phys_window_string(const struct phys_window *w, u64 pa, char *dst, size_t cap)
{
    for (size_t i = 0; i < cap; i++) {
        const char *c = phys_window_get(w, pa + i, 1);

        dst[i] = c ? *c : '\0';
        if (c && !*c)
            return NULL;
        if (!c)
            break;
    }
    dst[cap - 1] = '\0';
    return "command line: too long, without end, or unreadable";
}
