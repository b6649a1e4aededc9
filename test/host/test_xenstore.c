/* SPDX-License-Identifier: MIT */
/* drivers/xenstore_wire.c: xenstore's messages, with a daemon that sends them in any pieces. */
#include "harness.h"
#include "same_abi.h"

/* Xen's header has names of ours. */
#define XS_DIRECTORY         XEN_XS_DIRECTORY
#define XS_READ              XEN_XS_READ
#define XS_GET_PERMS         XEN_XS_GET_PERMS
#define XS_WATCH             XEN_XS_WATCH
#define XS_UNWATCH           XEN_XS_UNWATCH
#define XS_TRANSACTION_START XEN_XS_TRANSACTION_START
#define XS_TRANSACTION_END   XEN_XS_TRANSACTION_END
#define XS_WRITE             XEN_XS_WRITE
#define XS_MKDIR             XEN_XS_MKDIR
#define XS_RM                XEN_XS_RM
#define XS_SET_PERMS         XEN_XS_SET_PERMS
#define XS_WATCH_EVENT       XEN_XS_WATCH_EVENT
#define XS_ERROR             XEN_XS_ERROR
#include <xen/io/xs_wire.h>
#undef XS_DIRECTORY
#undef XS_READ
#undef XS_GET_PERMS
#undef XS_WATCH
#undef XS_UNWATCH
#undef XS_TRANSACTION_START
#undef XS_TRANSACTION_END
#undef XS_WRITE
#undef XS_MKDIR
#undef XS_RM
#undef XS_SET_PERMS
#undef XS_WATCH_EVENT
#undef XS_ERROR

#include "drivers/xenstore_wire.h"
#include "pv/errno.h"

SAME_FIELD(xs_ring, xenstore_domain_interface, req, req);
SAME_FIELD(xs_ring, xenstore_domain_interface, rsp, rsp);
SAME_FIELD(xs_ring, xenstore_domain_interface, req_cons, req_cons);
SAME_FIELD(xs_ring, xenstore_domain_interface, req_prod, req_prod);
SAME_FIELD(xs_ring, xenstore_domain_interface, rsp_cons, rsp_cons);
SAME_FIELD(xs_ring, xenstore_domain_interface, rsp_prod, rsp_prod);
SAME_FIELD(xs_header, xsd_sockmsg, type, type);
SAME_FIELD(xs_header, xsd_sockmsg, id, req_id);
SAME_FIELD(xs_header, xsd_sockmsg, tx, tx_id);
SAME_FIELD(xs_header, xsd_sockmsg, len, len);
_Static_assert(sizeof(struct xs_header) == sizeof(struct xsd_sockmsg), "header");
_Static_assert(XS_RING_SIZE == XENSTORE_RING_SIZE && XS_PAYLOAD_MAX == XENSTORE_PAYLOAD_MAX, "");

#define SAME_TYPE(name) SAME_VALUE(name, XEN_##name)
SAME_TYPE(XS_DIRECTORY);
SAME_TYPE(XS_READ);
SAME_TYPE(XS_GET_PERMS);
SAME_TYPE(XS_WATCH);
SAME_TYPE(XS_UNWATCH);
SAME_TYPE(XS_TRANSACTION_START);
SAME_TYPE(XS_TRANSACTION_END);
SAME_TYPE(XS_WRITE);
SAME_TYPE(XS_MKDIR);
SAME_TYPE(XS_RM);
SAME_TYPE(XS_SET_PERMS);
SAME_TYPE(XS_WATCH_EVENT);
SAME_TYPE(XS_ERROR);

enum { START = -500 }; /* of the indices, so that they wrap */

static struct {
    struct xs_ring ring;
    u8 after[64];
} page;
static struct xs_inbox in;

static void reset(void)
{
    memset(&page, 0xa5, sizeof(page));
    memset(&in, 0, sizeof(in));
    page.ring.req_cons = page.ring.req_prod = (u32)START;
    page.ring.rsp_cons = page.ring.rsp_prod = (u32)START;
}

/* The daemon appends bytes to its ring, as many as fit. Return how many. */
static u32 daemon_put(const void *bytes, u32 len)
{
    struct xs_ring *r = &page.ring;
    u32 i = 0;

    for (; i < len && r->rsp_prod - r->rsp_cons < XS_RING_SIZE; i++)
        r->rsp[r->rsp_prod++ % XS_RING_SIZE] = ((const u8 *)bytes)[i];
    return i;
}

/* Send a message in pieces of at most step bytes, with a receive after each; return the result. */
static int transfer(const struct xs_header *h, const u8 *payload, u32 step)
{
    static u8 bytes[sizeof(*h) + XS_PAYLOAD_MAX];
    const u32 total = sizeof(*h) + h->len;
    u32 sent = 0, received = 0, taken;
    int state = 0;

    memcpy(bytes, h, sizeof(*h));
    memcpy(bytes + sizeof(*h), payload, h->len);
    while (!state && sent < total) {
        sent += daemon_put(bytes + sent, MIN(step, total - sent));
        state = xs_inbox_receive(&in, &page.ring, &taken);
        received += taken;
        CHECK_EQ(state, sent == total);
    }
    CHECK_EQ(received, total);
    return state;
}

static void a_message_arrives_whole_in_any_pieces(void)
{
    static u8 payload[XS_PAYLOAD_MAX];

    random_bytes(payload, sizeof(payload));
    reset();
    for (u32 step = 1; step <= XS_RING_SIZE; step = step * 3 / 2 + 1)
        for (u32 len = 0; len <= XS_PAYLOAD_MAX; len = len ? len * 2 : 1) {
            const struct xs_header h = {XS_READ, step, 0, len};

            CHECK_EQ(transfer(&h, payload, step), 1);
            CHECK(in.header.id == step && in.header.len == len && !in.payload[len]);
            CHECK(!memcmp(in.payload, payload, len));
        }
    check_bytes(page.after, sizeof(page.after), 0xa5);
}

static void two_messages_are_received_one_by_one(void)
{
    const struct xs_header first = {XS_READ, 1, 0, 3}, second = {XS_RM, 2, 0, 0};
    u32 taken;

    reset();
    daemon_put(&first, sizeof(first));
    daemon_put("abc", 3);
    daemon_put(&second, sizeof(second));
    CHECK_EQ(xs_inbox_receive(&in, &page.ring, &taken), 1);
    CHECK(in.header.id == 1 && taken == sizeof(first) + 3);
    CHECK_STR((char *)in.payload, "abc");
    CHECK_EQ(xs_inbox_receive(&in, &page.ring, &taken), 1);
    CHECK(in.header.id == 2 && taken == sizeof(second) && !in.payload[0]);
    CHECK(xs_inbox_receive(&in, &page.ring, &taken) == 0 && !taken);
}

static void broken_lengths_and_indices_are_refused(void)
{
    static const u32 lengths[] = {XS_PAYLOAD_MAX + 1, 0x80000000, ~0u};
    static const u32 ahead[] = {XS_RING_SIZE + 1, 0x80000000, ~0u};
    u32 taken;

    for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
        const struct xs_header h = {XS_READ, 1, 0, lengths[i]};

        reset();
        daemon_put(&h, sizeof(h));
        CHECK_EQ(xs_inbox_receive(&in, &page.ring, &taken), -EIO);
        daemon_put(page.ring.rsp, 900);
        CHECK(xs_inbox_receive(&in, &page.ring, &taken) <= 1); /* and nothing is overrun */
    }
    for (u32 i = 0; i < ARRAY_SIZE(ahead); i++) {
        reset();
        page.ring.rsp_prod = page.ring.rsp_cons + ahead[i];
        CHECK_EQ(xs_inbox_receive(&in, &page.ring, &taken), -EIO);
        CHECK_EQ(page.ring.rsp_cons, (u32)START);
        page.ring.req_prod = page.ring.req_cons + ahead[i];
        CHECK_EQ(xs_ring_put(&page.ring, (const u8 *)"x", 1), -EIO);
    }
    page.ring.req_prod = page.ring.req_cons + XS_RING_SIZE;
    CHECK_EQ(xs_ring_put(&page.ring, (const u8 *)"x", 1), 0);
}

static void requests_fill_the_ring_and_no_more(void)
{
    static u8 bytes[3000];
    u32 sent = 0;

    random_bytes(bytes, sizeof(bytes));
    reset();
    while (sent < sizeof(bytes)) {
        const int count = xs_ring_put(&page.ring, bytes + sent, (u32)sizeof(bytes) - sent);

        CHECK_EQ(count, MIN(sizeof(bytes) - sent, XS_RING_SIZE));
        for (int i = 0; i < count; i++)
            CHECK_EQ(page.ring.req[page.ring.req_cons++ % XS_RING_SIZE], bytes[sent + (u32)i]);
        sent += (u32)count;
    }
    CHECK_EQ(page.ring.rsp_prod, (u32)START);
}

static void a_new_daemon_finds_empty_rings(void)
{
    reset();
    daemon_put("old", 3);
    xs_ring_put(&page.ring, (const u8 *)"request", 7);
    page.ring.req_cons += 3;
    xs_ring_reset(&page.ring);
    CHECK(page.ring.req_prod == (u32)START + 3 && page.ring.req_cons == (u32)START + 3);
    CHECK(page.ring.rsp_prod == (u32)START + 3 && page.ring.rsp_cons == (u32)START + 3);
}

/* Those of xsd_errors in Xen's header, with the numbers of xen/errno.h. */
static void each_error_has_its_number_and_name(void)
{
    static const struct {
        const char *name;
        int number;
    } all[] = {{"EINVAL", 22},    {"EACCES", 13},   {"EEXIST", 17}, {"EISDIR", 21},
               {"ENOENT", 2},     {"ENOMEM", 12},   {"ENOSPC", 28}, {"EIO", 5},
               {"ENOTEMPTY", 39}, {"ENOSYS", 38},   {"EROFS", 30},  {"EBUSY", 16},
               {"EAGAIN", 11},    {"EISCONN", 106}, {"E2BIG", 7},   {"EPERM", 1}};

    for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
        CHECK_EQ(xs_error_number(all[i].name), all[i].number);
        CHECK_STR(xs_error_name(all[i].number), all[i].name);
    }
    CHECK_EQ(xs_error_number("ENOENTX"), EIO);
    CHECK_EQ(xs_error_number(""), EIO);
    CHECK_STR(xs_error_name(ETIME), "ETIME");
    CHECK_STR(xs_error_name(12345), "unknown error");
}

static void numbers_are_whole_texts(void)
{
    static const struct {
        const char *text;
        bool valid;
        u64 number;
    } cases[] = {{"0", true, 0},
                 {"42", true, 42},
                 {"00042", true, 42},
                 {"18446744073709551615", true, ~0ull},
                 {"18446744073709551616", false, 0},
                 {"99999999999999999999999", false, 0},
                 {"", false, 0},
                 {" 1", false, 0},
                 {"1 ", false, 0},
                 {"-1", false, 0},
                 {"1x", false, 0},
                 {"/", false, 0},
                 {":", false, 0}};

    for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
        u64 number;

        CHECK_EQ(xs_parse_number(cases[i].text, &number), cases[i].valid);
        if (cases[i].valid)
            CHECK_EQ(number, cases[i].number);
    }
}

static void strings_are_visited_to_their_end(void)
{
    static const char names[] = "one\0\0three"; /* the compiler adds the last zero byte */
    const char *s = NULL;

    CHECK_STR(s = xs_next_string(names, sizeof(names), s), "one");
    CHECK_STR(s = xs_next_string(names, sizeof(names), s), "");
    CHECK_STR(s = xs_next_string(names, sizeof(names), s), "three");
    CHECK(!xs_next_string(names, sizeof(names), s));
    CHECK(!xs_next_string(names, 0, NULL) && xs_are_strings(names, 0));
    CHECK(xs_are_strings(names, sizeof(names)) && !xs_are_strings(names, sizeof(names) - 1));
}

static void events_are_two_strings(void)
{
    const char *path, *token;

    CHECK(xs_parse_event("a/b\0"
                         "12",
                         7, &path, &token));
    CHECK_STR(path, "a/b");
    CHECK_STR(token, "12");
    CHECK(xs_parse_event("\0", 2, &path, &token) && !*path && !*token);
    CHECK(!xs_parse_event("a/b\0"
                          "12",
                          6, &path, &token)); /* the token does not end */
    CHECK(!xs_parse_event("a/b", 4, &path, &token));
    CHECK(!xs_parse_event("a\0b\0c", 6, &path, &token));
    CHECK(!xs_parse_event("", 0, &path, &token));
}

static void permissions_are_read_as_they_are_written(void)
{
    static const struct xs_permission all[] = {{0, XS_ACCESS_NONE},
                                               {7, XS_ACCESS_READ},
                                               {XS_DOMAIN_MAX, XS_ACCESS_WRITE},
                                               {65, XS_ACCESS_BOTH}};
    static const char *const wrong[] = {"x5", "r", "r5x", "5", "", "r99999", "r-1", "r 5"};
    char text[4 * XS_PERMISSION_MAX];
    struct xs_permission p[4];
    const u32 len = xs_format_permissions(all, 4, text);

    CHECK_EQ(len, sizeof("n0\0r7\0w32767\0b65"));
    CHECK(!memcmp(text, "n0\0r7\0w32767\0b65", len));
    CHECK_EQ(xs_parse_permissions(text, len, p, 4), 4);
    for (u32 i = 0; i < 4; i++)
        CHECK(p[i].domain == all[i].domain && p[i].access == all[i].access);
    CHECK_EQ(xs_parse_permissions(text, len, p, 3), -E2BIG);
    CHECK_EQ(xs_parse_permissions(text, len - 1, p, 4), -EIO);
    for (u32 i = 0; i < ARRAY_SIZE(wrong); i++)
        CHECK_EQ(xs_parse_permissions(wrong[i], strlen(wrong[i]) + 1, p, 4), -EIO);
    CHECK_EQ(xs_parse_permissions("", 0, p, 4), 0);
}

int main(void)
{
    RUN(a_message_arrives_whole_in_any_pieces);
    RUN(two_messages_are_received_one_by_one);
    RUN(broken_lengths_and_indices_are_refused);
    RUN(requests_fill_the_ring_and_no_more);
    RUN(a_new_daemon_finds_empty_rings);
    RUN(each_error_has_its_number_and_name);
    RUN(numbers_are_whole_texts);
    RUN(strings_are_visited_to_their_end);
    RUN(events_are_two_strings);
    RUN(permissions_are_read_as_they_are_written);
    return finish("xenstore");
}
