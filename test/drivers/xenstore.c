/* SPDX-License-Identifier: MIT */
/*
 * Xenstore against the host's own daemon (drivers/xenstore.h). Each test works below "data", the
 * folder that a toolstack lets its guest write, and removes what it made.
 */
#include "drivers/xenstore.h"
#include "kernel/lifecycle.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/string.h"
#include "test/harness/lines.h"
#include "test/harness/test.h"

#define FOLDER "data/test"
#define TX     XENSTORE_NO_TRANSACTION

/* Begin a test with an empty folder; false, with the reason, where the machine has no xenstore. */
static bool store_is_there(void)
{
    if (xenstore_absence()) {
        test_skip("%s", xenstore_absence());
        return false;
    }
    xenstore_remove(TX, FOLDER);
    return EXPECT_EQ(xenstore_mkdir(TX, FOLDER), 0);
}

static void remove_folder(const bool *made)
{
    if (*made)
        xenstore_remove(TX, FOLDER);
}

/* End the test if it cannot run; remove its folder at its end. */
#define IN_STORE \
    const bool made_ __attribute__((cleanup(remove_folder))) = store_is_there(); \
    if (!made_) \
    return

TEST(xenstore, is_bound_once_or_not_there, xenstore_bind)
{
    const pfn_t none = PFN(0x1234);
    pfn_t page = none;

    EXPECT_EQ(pv_xenstore_bind(&page), xenstore_absence() ? -ENODEV : -EBUSY);
    EXPECT_EQ(page.n, none.n);
}

TEST(xenstore, a_value_is_read_as_it_was_written)
{
    static const char bytes[] = {'a', 0, '\n', (char)0xff, '/'};
    char value[64];

    IN_STORE;
    EXPECT_EQ(xenstore_write(TX, FOLDER "/text", "some text"), 0);
    EXPECT_EQ(xenstore_read(TX, FOLDER "/text", value, sizeof(value)), 9);
    EXPECT(!strcmp(value, "some text"));
    EXPECT_EQ(xenstore_write_bytes(TX, FOLDER "/bytes", bytes, sizeof(bytes)), 0);
    EXPECT_EQ(xenstore_read(TX, FOLDER "/bytes", value, sizeof(value)), sizeof(bytes));
    EXPECT(!memcmp(value, bytes, sizeof(bytes)));
    EXPECT_EQ(xenstore_write(TX, FOLDER "/text", ""), 0);
    EXPECT_EQ(xenstore_read(TX, FOLDER "/text", value, sizeof(value)), 0);
    EXPECT_EQ(value[0], 0);
    EXPECT_EQ(xenstore_printf(TX, FOLDER "/number", "%u", 4711), 0);
}

TEST(xenstore, numbers_are_whole_values)
{
    u64 number = 0;

    IN_STORE;
    EXPECT_EQ(xenstore_printf(TX, FOLDER "/number", "%u", 4711), 0);
    EXPECT_EQ(xenstore_read_number(TX, FOLDER "/number", &number), 0);
    EXPECT_EQ(number, 4711);
    EXPECT_EQ(xenstore_write(TX, FOLDER "/number", "47x"), 0);
    EXPECT_EQ(xenstore_read_number(TX, FOLDER "/number", &number), -EINVAL);
    EXPECT_EQ(xenstore_write(TX, FOLDER "/number", "000000000000000000000000000001"), 0);
    EXPECT_EQ(xenstore_read_number(TX, FOLDER "/number", &number), -EINVAL);
    EXPECT_EQ(xenstore_read_number(TX, FOLDER "/none", &number), -ENOENT);
}

/* A value of this size takes more than three rings each way. */
TEST(xenstore, the_longest_value_passes_and_a_longer_one_is_refused)
{
    static char value[XS_PAYLOAD_MAX + 1], read[XS_PAYLOAD_MAX + 1];
    const size_t most = XS_PAYLOAD_MAX - sizeof(FOLDER "/long");
    s64 len;

    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (char)(i * 31 + i / 256);
    IN_STORE;
    EXPECT_EQ(xenstore_write_bytes(TX, FOLDER "/long", value, most + 1), -E2BIG);
    EXPECT_EQ(xenstore_read(TX, FOLDER "/long", read, sizeof(read)), -ENOENT);
    /* The daemon has a limit of its own, which it may set lower (quota-entry-size). */
    for (len = (s64)most; len > 1024; len -= 128)
        if (xenstore_write_bytes(TX, FOLDER "/long", value, (size_t)len) != -ENOSPC)
            break;
    EXPECT(len > 1024);
    EXPECT_EQ(xenstore_read(TX, FOLDER "/long", read, sizeof(read)), len);
    EXPECT(!memcmp(read, value, (size_t)len));
    EXPECT_EQ(xenstore_read(TX, FOLDER "/long", read, (size_t)len), -E2BIG);
}

TEST(xenstore, children_are_listed)
{
    char names[64];
    const char *s = NULL;
    s64 len;
    u32 found = 0;

    IN_STORE;
    EXPECT_EQ(xenstore_list(TX, FOLDER, names, sizeof(names)), 0);
    EXPECT_EQ(xenstore_write(TX, FOLDER "/one", "1"), 0);
    EXPECT_EQ(xenstore_write(TX, FOLDER "/two/below", "2"), 0);
    EXPECT_EQ(xenstore_mkdir(TX, FOLDER "/three"), 0);
    len = xenstore_list(TX, FOLDER, names, sizeof(names));
    REQUIRE(len == sizeof("one\0two\0three"));
    while ((s = xs_next_string(names, (u64)len, s)))
        found += !strcmp(s, "one") + 10 * !strcmp(s, "two") + 100 * !strcmp(s, "three");
    EXPECT_EQ(found, 111);
    EXPECT_EQ(xenstore_list(TX, FOLDER, names, (size_t)len - 1), -E2BIG);
    EXPECT_EQ(xenstore_list(TX, FOLDER "/none", names, sizeof(names)), -ENOENT);
}

TEST(xenstore, a_node_is_removed_with_all_below)
{
    char value[8];

    IN_STORE;
    EXPECT_EQ(xenstore_write(TX, FOLDER "/a/b/c", "x"), 0);
    EXPECT_EQ(xenstore_remove(TX, FOLDER "/a"), 0);
    EXPECT_EQ(xenstore_read(TX, FOLDER "/a/b/c", value, sizeof(value)), -ENOENT);
    EXPECT_EQ(xenstore_read(TX, FOLDER "/a", value, sizeof(value)), -ENOENT);
}

/* Each error of the daemon's arrives by its own name. */
TEST(xenstore, refusals_have_their_names)
{
    static char long_path[3100];
    char value[8];

    memset(long_path, 'x', sizeof(long_path));
    long_path[sizeof(long_path) - 1] = '\0';
    IN_STORE;
    EXPECT_EQ(xenstore_read(TX, FOLDER "/none", value, sizeof(value)), -ENOENT);
    EXPECT_EQ(xenstore_write(TX, "/local/domain/0/name", "x"), -EACCES);
    EXPECT_EQ(xenstore_remove(TX, "name"), -EACCES);
    EXPECT_EQ(xenstore_write(TX, FOLDER "/with blank", "x"), -EINVAL);
    EXPECT_EQ(xenstore_write(TX, FOLDER "//empty", "x"), -EINVAL);
    EXPECT_EQ(xenstore_write(TX, FOLDER "/\x7f\x01", "x"), -EINVAL);
    EXPECT_EQ(xenstore_write(TX, long_path, "x"), -EINVAL);
    EXPECT_EQ(xenstore_read(0x7ffffff0, FOLDER, value, sizeof(value)), -ENOENT);
}

TEST(xenstore, permissions_are_set_and_read)
{
    static const struct xs_permission too_many[17];
    struct xs_permission p[4] = {{0}};
    u32 owner;

    IN_STORE;
    REQUIRE(xenstore_get_permissions(TX, FOLDER, p, 4) >= 1);
    owner = p[0].domain;
    EXPECT(owner > 0);
    p[0].access = XS_ACCESS_NONE;
    p[1] = (struct xs_permission){0, XS_ACCESS_BOTH};
    p[2] = (struct xs_permission){owner + 1, XS_ACCESS_READ};
    EXPECT_EQ(xenstore_set_permissions(TX, FOLDER, p, 3), 0);
    memset(p, 0xff, sizeof(p));
    REQUIRE(xenstore_get_permissions(TX, FOLDER, p, 4) >= 2);
    EXPECT(p[0].domain == owner && p[0].access == XS_ACCESS_NONE);
    EXPECT(p[1].domain == 0 && p[1].access == XS_ACCESS_BOTH);
    EXPECT_EQ(xenstore_get_permissions(TX, FOLDER, p, 1), -E2BIG);
    p[0].domain = 0;
    EXPECT(xenstore_set_permissions(TX, FOLDER, p, 1) < 0); /* a node cannot be given away */
    EXPECT_EQ(xenstore_set_permissions(TX, FOLDER, too_many, 17), -E2BIG);
}

/* ---- Transactions --------------------------------------------------------------------------- */

struct attempt {
    int calls, result;
    bool disturb; /* the first time, change by another way what the transaction has read */
};

static int increment(u32 tx, void *arg)
{
    struct attempt *a = arg;
    u64 number;

    EXPECT_EQ(xenstore_read_number(tx, FOLDER "/count", &number), 0);
    if (!a->calls++ && a->disturb)
        EXPECT_EQ(xenstore_write(TX, FOLDER "/count", "100"), 0);
    EXPECT_EQ(xenstore_printf(tx, FOLDER "/count", "%u", (u32)number + 1), 0);
    return a->result;
}

static void check_count(u64 wanted)
{
    u64 number = 0;

    EXPECT_EQ(xenstore_read_number(TX, FOLDER "/count", &number), 0);
    EXPECT_EQ(number, wanted);
}

TEST(xenstore, a_transaction_takes_effect_as_a_whole_or_not_at_all)
{
    struct attempt done = {.result = 7}, failed = {.result = -EPERM};

    IN_STORE;
    EXPECT_EQ(xenstore_write(TX, FOLDER "/count", "1"), 0);
    EXPECT_EQ(xenstore_transaction(increment, &done), 7);
    check_count(2);
    EXPECT_EQ(xenstore_transaction(increment, &failed), -EPERM);
    check_count(2);
    EXPECT(done.calls == 1 && failed.calls == 1);
}

TEST(xenstore, a_disturbed_transaction_is_repeated)
{
    struct attempt a = {.disturb = true};

    IN_STORE;
    EXPECT_EQ(xenstore_write(TX, FOLDER "/count", "1"), 0);
    EXPECT_EQ(xenstore_transaction(increment, &a), 0);
    EXPECT_EQ(a.calls, 2);
    check_count(101);
}

static int always_again(u32 tx, void *arg)
{
    (void)tx;
    ++*(u32 *)arg;
    return -EAGAIN;
}

TEST(xenstore, a_transaction_is_not_repeated_indefinitely)
{
    u32 calls = 0;

    IN_STORE;
    EXPECT_EQ(xenstore_transaction(always_again, &calls), -EAGAIN);
    EXPECT_EQ(calls, XENSTORE_ATTEMPTS);
}

/* ---- Watches -------------------------------------------------------------------------------- */

struct seen {
    struct xenstore_watch watch;
    u32 calls;
    char value[16];
};

static void note_change(struct xenstore_watch *watch)
{
    struct seen *s = container_of(watch, struct seen, watch);
    char value[16];

    if (xenstore_read(TX, watch->path, value, sizeof(value)) < 0)
        value[0] = '\0';
    memcpy(s->value, value, sizeof(value));
    __atomic_fetch_add(&s->calls, 1, __ATOMIC_SEQ_CST);
}

/* Wait until the watch has been called more than calls times, and return how often it was. */
static u32 wait_for_change(struct seen *s, u32 calls)
{
    struct time_limit limit = time_limit(XENSTORE_PATIENCE_NS);

    while (__atomic_load_n(&s->calls, __ATOMIC_SEQ_CST) <= calls && !time_limit_reached(&limit))
        sleep_until(pv_clock_ns() + NS_PER_MS);
    EXPECT(s->calls > calls);
    return s->calls;
}

TEST(xenstore, a_watch_reports_changes_of_the_node_and_below)
{
    struct seen s = {.watch = {.path = FOLDER "/node", .changed = note_change}};
    u32 calls;

    IN_STORE;
    REQUIRE(xenstore_watch(&s.watch) == 0);
    calls = wait_for_change(&s, 0); /* once at the start, also for a node that is missing */
    EXPECT_EQ(s.value[0], 0);
    EXPECT_EQ(xenstore_write(TX, FOLDER "/node", "first"), 0);
    calls = wait_for_change(&s, calls);
    EXPECT(!strcmp(s.value, "first"));
    EXPECT_EQ(xenstore_write(TX, FOLDER "/node/below", "x"), 0);
    calls = wait_for_change(&s, calls);
    EXPECT_EQ(xenstore_remove(TX, FOLDER), 0);
    wait_for_change(&s, calls);
    EXPECT_EQ(s.value[0], 0);
    EXPECT_EQ(xenstore_unwatch(&s.watch), 0);
}

/* As after two restores, of which the second comes while the renewal for the first is delayed. */
TEST(xenstore, a_watch_that_is_renewed_twice_is_one_watch)
{
    struct seen s = {.watch = {.path = FOLDER "/node", .changed = note_change}};
    const u64 lost = xenstore_counts.lost_watches;
    u32 calls;

    IN_STORE;
    REQUIRE(xenstore_watch(&s.watch) == 0);
    calls = wait_for_change(&s, 0);
    xenstore_watches_renew();
    EXPECT(SLEEP_UNTIL(!READ_ONCE(s.watch.renew)));
    EXPECT_EQ(xenstore_write(TX, FOLDER "/node", "new"), 0);
    wait_for_change(&s, calls);
    EXPECT_EQ(xenstore_unwatch(&s.watch), 0);
    EXPECT_EQ(xenstore_counts.lost_watches, lost);
}

TEST(xenstore, a_watch_that_has_ended_is_not_called)
{
    struct seen ended = {.watch = {.path = FOLDER, .changed = note_change}}, other = ended;
    u32 calls, first;

    IN_STORE;
    REQUIRE(xenstore_watch(&ended.watch) == 0);
    wait_for_change(&ended, 0);
    EXPECT_EQ(xenstore_unwatch(&ended.watch), 0);
    EXPECT_EQ(xenstore_unwatch(&ended.watch), -ENOENT);
    calls = ended.calls;
    REQUIRE(xenstore_watch(&other.watch) == 0);
    first = wait_for_change(&other, 0);
    EXPECT_EQ(xenstore_write(TX, FOLDER "/x", "1"), 0);
    wait_for_change(&other, first);
    EXPECT_EQ(ended.calls, calls);
    EXPECT_EQ(xenstore_unwatch(&other.watch), 0);
}

/* ---- Several threads ------------------------------------------------------------------------ */

enum { CALLERS = 4, ROUNDS = 12 };

struct caller {
    u32 number, done;
    int error;
    u64 end; /* with soak=: when to end */
    char value[700], read[700];
};

/*
 * Write and read values of many sizes, so that the ring is full at times, and answers differ. If
 * the machine is restored in between, the new domain has not what was written: repeat the round.
 */
static void caller_run(void *arg)
{
    struct caller *c = arg;
    char path[32];

    ksnprintf(path, sizeof(path), FOLDER "/%u", c->number);
    for (; !c->error && (c->done < ROUNDS || pv_clock_ns() < c->end); c->done++) {
        const size_t len = (c->number * 97 + c->done * 61) % (sizeof(c->value) - 1);
        const u32 resumes = READ_ONCE(lifecycle.resumes);
        s64 got;

        memset(c->value, (int)('a' + c->number), len);
        c->error = xenstore_write_bytes(TX, path, c->value, len);
        got = xenstore_read(TX, path, c->read, sizeof(c->read));
        if (READ_ONCE(lifecycle.resumes) != resumes)
            c->error = 0;
        else if (!c->error && (got != (s64)len || memcmp(c->read, c->value, len)))
            c->error = got < 0 ? (int)got : -EIO;
    }
}

SOAK_TEST(xenstore, threads_ask_at_the_same_time)
{
    static struct caller callers[CALLERS];
    struct thread *threads[CALLERS];
    const u64 strays = xenstore_counts.strays;

    IN_STORE;
    for (u32 i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.number = i, .end = pv_clock_ns() + soak_share_ns};
        threads[i] = thread_start("caller", THREAD_ANY_CPU, caller_run, &callers[i]);
    }
    for (u32 i = 0; i < CALLERS; i++) {
        REQUIRE(threads[i]);
        thread_join(threads[i]);
        EXPECT(callers[i].done >= ROUNDS);
        EXPECT_EQ(callers[i].error, 0);
    }
    EXPECT_EQ(xenstore_counts.strays, strays);
}
