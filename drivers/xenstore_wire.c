/* SPDX-License-Identifier: MIT */
/* Xenstore's protocol as bytes (drivers/xenstore_wire.h). */
#include "drivers/xenstore_wire.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/errno.h"

_Static_assert(sizeof(struct xs_header) == 16, "as Xen has it");

/* Each half of these is moved to where the other is, by the side that moves it anyway. */
void xs_ring_reset(struct xs_ring *ring)
{
    WRITE_ONCE(ring->req_prod, READ_ONCE(ring->req_cons));
    WRITE_ONCE(ring->rsp_cons, READ_ONCE(ring->rsp_prod));
}

int xs_ring_put(struct xs_ring *ring, const u8 *bytes, u32 len)
{
    const u32 prod = READ_ONCE(ring->req_prod);
    const u32 used = prod - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE);
    u32 count;

    if (used > XS_RING_SIZE)
        return -EIO;
    count = MIN(len, XS_RING_SIZE - used);
    for (u32 i = 0; i < count; i++)
        ring->req[(prod + i) % XS_RING_SIZE] = bytes[i];
    __atomic_store_n(&ring->req_prod, prod + count, __ATOMIC_RELEASE);
    return (int)count;
}

/* Return how many bytes were taken, or -EIO. */
static int ring_get(struct xs_ring *ring, u8 *bytes, u32 len)
{
    const u32 cons = READ_ONCE(ring->rsp_cons);
    const u32 used = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE) - cons;
    u32 count;

    if (used > XS_RING_SIZE)
        return -EIO;
    count = MIN(len, used);
    for (u32 i = 0; i < count; i++)
        bytes[i] = READ_ONCE(ring->rsp[(cons + i) % XS_RING_SIZE]);
    __atomic_store_n(&ring->rsp_cons, cons + count, __ATOMIC_RELEASE);
    return (int)count;
}

/* The part of the message that arrives next: the rest of the header, or of the payload. */
static u8 *inbox_place(struct xs_inbox *in, u32 *missing)
{
    const u32 header = sizeof(in->header);

    if (in->have < header) {
        *missing = header - in->have;
        return (u8 *)&in->header + in->have;
    }
    *missing = in->header.len - (in->have - header);
    return in->payload + (in->have - header);
}

static bool inbox_is_complete(const struct xs_inbox *in)
{
    return in->have >= sizeof(in->header) && in->have - sizeof(in->header) == in->header.len;
}

int xs_inbox_receive(struct xs_inbox *in, struct xs_ring *ring, u32 *taken)
{
    u32 missing;
    u8 *place;
    int count;

    *taken = 0;
    if (inbox_is_complete(in))
        in->have = 0;
    do {
        place = inbox_place(in, &missing);
        count = ring_get(ring, place, missing);
        if (count < 0)
            return count;
        in->have += (u32)count;
        *taken += (u32)count;
        if (in->have == sizeof(in->header) && in->header.len > XS_PAYLOAD_MAX) {
            in->have = 0;
            return -EIO;
        }
        if (inbox_is_complete(in)) {
            in->payload[in->header.len] = '\0';
            return 1;
        }
    } while (count);
    return 0;
}

/* ---- Errors --------------------------------------------------------------------------------- */

static const struct {
    char name[11];
    int number;
} errors[] = {
    {"EINVAL", EINVAL},   {"EACCES", EACCES},       {"EEXIST", EEXIST}, {"EISDIR", EISDIR},
    {"ENOENT", ENOENT},   {"ENOMEM", ENOMEM},       {"ENOSPC", ENOSPC}, {"EIO", EIO},
    {"ENOSYS", ENOSYS},   {"EROFS", EROFS},         {"EBUSY", EBUSY},   {"EAGAIN", EAGAIN},
    {"E2BIG", E2BIG},     {"EPERM", EPERM},         {"ETIME", ETIME},   {"ENODEV", ENODEV},
    {"EISCONN", EISCONN}, {"ENOTEMPTY", ENOTEMPTY}, {"ENXIO", ENXIO},   {"EOPNOTSUPP", EOPNOTSUPP},
};

int xs_error_number(const char *name)
{
    for (u32 i = 0; i < ARRAY_SIZE(errors); i++)
        if (!strcmp(errors[i].name, name))
            return errors[i].number;
    return EIO;
}

const char *xs_error_name(int error)
{
    for (u32 i = 0; i < ARRAY_SIZE(errors); i++)
        if (errors[i].number == error)
            return errors[i].name;
    return "unknown error";
}

/* ---- Strings and numbers -------------------------------------------------------------------- */

bool xs_parse_number(const char *text, u64 *number)
{
    const char *s = text;

    for (*number = 0; *s >= '0' && *s <= '9'; s++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (u64)(*s - '0'), number))
            return false;
    return s > text && !*s;
}

bool xs_are_strings(const void *bytes, u64 len)
{
    return !len || !((const char *)bytes)[len - 1];
}

const char *xs_next_string(const char *bytes, u64 len, const char *s)
{
    const char *const next = s ? s + strlen(s) + 1 : bytes;

    return next < bytes + len ? next : NULL;
}

bool xs_parse_event(const void *payload, u64 len, const char **path, const char **token)
{
    *path = payload;
    if (!len || !xs_are_strings(payload, len))
        return false;
    *token = xs_next_string(payload, len, *path);
    return *token && !xs_next_string(payload, len, *token);
}

/* ---- Permissions ---------------------------------------------------------------------------- */

static const char access_letters[] = "nrwb"; /* by enum xs_access */

u32 xs_format_permissions(const struct xs_permission *p, u32 count, char *text)
{
    u32 len = 0;

    for (u32 i = 0; i < count; i++)
        len += (u32)ksnprintf(text + len, XS_PERMISSION_MAX, "%c%u", access_letters[p[i].access],
                              p[i].domain) +
               1;
    return len;
}

int xs_parse_permissions(const char *text, u64 len, struct xs_permission *p, u32 most)
{
    u32 count = 0;

    if (!xs_are_strings(text, len))
        return -EIO;
    for (const char *s = NULL; (s = xs_next_string(text, len, s)); count++) {
        const char *const letter = *s ? strchr(access_letters, *s) : NULL;
        u64 domain;

        if (!letter || !xs_parse_number(s + 1, &domain) || domain > XS_DOMAIN_MAX)
            return -EIO;
        if (count == most)
            return -E2BIG;
        p[count] = (struct xs_permission){(u32)domain, (enum xs_access)(letter - access_letters)};
    }
    return (int)count;
}
