/* SPDX-License-Identifier: MIT */
/* Xenstore's requests, one function each (drivers/xenstore.h). */
#include "drivers/xenstore.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/pv.h"

#define TEXT_MAX        256 /* bytes of xenstore_printf's value */
#define PERMISSIONS_MAX 16

/* A string as part of a request, with or without its zero byte. */
static struct xs_part string_part(const char *s)
{
    return (struct xs_part){s, strlen(s) + 1};
}

static int call_with_path(enum xs_type type, u32 tx, const char *path)
{
    const struct xs_part part = string_part(path);
    const s64 result = xenstore_call(type, tx, &part, 1, NULL, 0);

    return result < 0 ? (int)result : 0;
}

s64 xenstore_read(u32 tx, const char *path, char *value, size_t size)
{
    const struct xs_part part = string_part(path);
    s64 len;

    if (!size)
        return -E2BIG;
    len = xenstore_call(XS_READ, tx, &part, 1, value, size - 1);
    value[MAX(len, 0)] = '\0';
    return len;
}

int xenstore_read_number(u32 tx, const char *path, u64 *number)
{
    char text[24];
    const s64 len = xenstore_read(tx, path, text, sizeof(text));

    if (len < 0)
        return len == -E2BIG ? -EINVAL : (int)len;
    return xs_parse_number(text, number) ? 0 : -EINVAL;
}

int xenstore_write_bytes(u32 tx, const char *path, const void *value, size_t len)
{
    const struct xs_part parts[] = {string_part(path), {value, len}};
    const s64 result = xenstore_call(XS_WRITE, tx, parts, ARRAY_SIZE(parts), NULL, 0);

    return result < 0 ? (int)result : 0;
}

int xenstore_write(u32 tx, const char *path, const char *value)
{
    return xenstore_write_bytes(tx, path, value, strlen(value));
}

int xenstore_printf(u32 tx, const char *path, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = kvsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return (size_t)len < sizeof(text) ? xenstore_write(tx, path, text) : -E2BIG;
}

int xenstore_mkdir(u32 tx, const char *path)
{
    return call_with_path(XS_MKDIR, tx, path);
}

int xenstore_remove(u32 tx, const char *path)
{
    return call_with_path(XS_RM, tx, path);
}

s64 xenstore_list(u32 tx, const char *path, char *names, size_t size)
{
    const struct xs_part part = string_part(path);
    const s64 len = xenstore_call(XS_DIRECTORY, tx, &part, 1, names, size);

    return len < 0 || xs_are_strings(names, (u64)len) ? len : -EIO;
}

int xenstore_get_permissions(u32 tx, const char *path, struct xs_permission *p, u32 most)
{
    const struct xs_part part = string_part(path);
    char text[PERMISSIONS_MAX * XS_PERMISSION_MAX];
    const s64 len = xenstore_call(XS_GET_PERMS, tx, &part, 1, text, sizeof(text));

    return len < 0 ? (int)len : xs_parse_permissions(text, (u64)len, p, most);
}

int xenstore_set_permissions(u32 tx, const char *path, const struct xs_permission *p, u32 count)
{
    char text[PERMISSIONS_MAX * XS_PERMISSION_MAX];
    struct xs_part parts[] = {string_part(path), {text, 0}};
    s64 result;

    if (count > PERMISSIONS_MAX)
        return -E2BIG;
    parts[1].len = xs_format_permissions(p, count, text);
    result = xenstore_call(XS_SET_PERMS, tx, parts, ARRAY_SIZE(parts), NULL, 0);
    return result < 0 ? (int)result : 0;
}
