/* SPDX-License-Identifier: MIT */
/*
 * Disks whose backend is the test itself: one that serves in its own order, one that breaks each
 * rule of the protocol, and one that another replaces. The guest is both halves: it offers its
 * event channel to itself, and the nodes of both halves are below "data".
 */
#include "drivers/block.h"
#include "kernel/irq.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "test/harness/test.h"

#define FRONT "data/block/front"
#define BACK  "data/block/back"
#define TX    XENSTORE_NO_TRANSACTION

enum {
    NUMBER = 202 << 8 | 15 << 4, /* xvdp */
    SECTORS = 2048,
};

/* The device stays registered, so it is made once; no list of the toolstack's has it. */
static struct xenbus_device device = {.driver = &block_driver,
                                      .number = NUMBER,
                                      .path = FRONT,
                                      .backend = BACK,
                                      .domain = PV_DOMAIN_SELF};

/* The backend's side of the ring. */
static struct {
    struct ring_shared *shared;
    u32 line, req_cons;
} back;

static struct block *the_block(void)
{
    return device.data;
}

static void offer(const char *name, u64 value)
{
    char path[64] = BACK "/";

    str_copy(path + strlen(path), name, sizeof(path) - strlen(path));
    EXPECT_EQ(xenstore_printf(TX, path, "%llu", (unsigned long long)value), 0);
}

/* Offer a disk with these features. */
static bool backend_offer(u64 order, u64 indirect)
{
    xenstore_remove(TX, "data/block");
    if (!EXPECT_EQ(xenstore_mkdir(TX, BACK), 0))
        return false;
    offer("max-ring-page-order", order);
    offer("feature-max-indirect-segments", indirect);
    offer("feature-flush-cache", 1);
    offer("sectors", SECTORS);
    offer("sector-size", 512);
    return device.data || EXPECT(block_driver.add(&device));
}

/* Do what a backend does when the frontend is Initialised: bind the event channel. */
static bool backend_connect(void)
{
    u64 port = 0;
    int line;

    EXPECT_EQ(xenstore_read_number(TX, FRONT "/event-channel", &port), 0);
    line = pv_evtchn_bind(PV_DOMAIN_SELF, (u32)port);
    if (!EXPECT(line >= 0))
        return false;
    back.line = (u32)line;
    back.shared = the_block()->ring.shared;
    back.req_cons = 0;
    return true;
}

static bool connect_both(u64 order, u64 indirect)
{
    return backend_offer(order, indirect) && EXPECT_EQ(block_driver.connect(&device), 0) &&
           backend_connect() && EXPECT_EQ(block_driver.finish(&device), 0);
}

static void part(void)
{
    block_driver.disconnect(&device, true);
    EXPECT_EQ(pv_irq_unbind(back.line), 0);
    EXPECT(block_driver.release(&device));
    EXPECT_EQ(the_block()->pool[0].ref, GRANTED_NONE);
    device.broken = false;
    xenstore_remove(TX, "data/block");
}

/* Wait for a request; store it. Return false if none arrives. */
static bool next_request(struct block_request *r)
{
    struct time_limit limit = time_limit(10 * NS_PER_S);

    while (__atomic_load_n(&back.shared->req_prod, __ATOMIC_ACQUIRE) == back.req_cons)
        if (time_limit_reached(&limit))
            return EXPECT(!"a request arrives");
        else
            sleep_until(pv_clock_ns() + NS_PER_MS);
    memcpy(r, back.shared->entries + back.req_cons++ % the_block()->ring.size * sizeof(*r),
           sizeof(*r));
    return true;
}

static void respond(u64 id, u8 op, int16_t status)
{
    const struct block_response r = {.id = id, .op = op, .status = status};
    const u32 prod = back.shared->rsp_prod;

    memcpy(back.shared->entries + prod % the_block()->ring.size * sizeof(struct block_request), &r,
           sizeof(r));
    __atomic_store_n(&back.shared->rsp_prod, prod + 1, __ATOMIC_RELEASE);
}

static void notify(void)
{
    EXPECT_EQ(pv_evtchn_notify(back.line), 0);
}

/* ---- Transfers of another thread ------------------------------------------------------------ */

struct reader {
    u64 at, len;
    u8 *bytes;
    int error;
    struct thread *thread;
};

static void reader_run(void *arg)
{
    struct reader *r = arg;

    r->error = disk_read(&the_block()->disk, r->at, r->bytes, r->len);
}

static bool reader_start(struct reader *r, u64 at, u64 len)
{
    *r = (struct reader){.at = at, .len = len, .bytes = kmalloc(len), .error = 1};
    if (!EXPECT(r->bytes))
        return false;
    r->thread = thread_start("reader", THREAD_ANY_CPU, reader_run, r);
    return EXPECT(r->thread);
}

static int reader_end(struct reader *r)
{
    thread_join(r->thread);
    kfree(r->bytes);
    return r->error;
}

#define IN_STORE \
    if (xenstore_absence()) \
    SKIP("%s", xenstore_absence())

/* ---- A backend that keeps to the rules ------------------------------------------------------ */

TEST(block_backend, requests_are_split_as_the_backend_offers, grant_access, evtchn_alloc)
{
    static const struct {
        u64 order, indirect;
        u32 requests; /* for 192 KiB */
        u32 room;
    } cases[] = {{0, 0, 5, 32}, {1, 16, 3, 64}, {2, 256, 2, 128}, {9, 9999, 2, 128}};

    IN_STORE;
    for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
        u64 ids[5];
        struct reader reader;

        REQUIRE(connect_both(cases[i].order, cases[i].indirect));
        EXPECT_EQ(the_block()->nr_slots, cases[i].room);
        REQUIRE(reader_start(&reader, 0, KIB(192)));
        for (u32 k = 0; k < cases[i].requests; k++) {
            struct block_request r;

            REQUIRE(next_request(&r));
            EXPECT_EQ(r.op, cases[i].indirect ? BLOCK_INDIRECT : BLOCK_READ);
            ids[k] = r.id;
        }
        /* All are outstanding at once, and are answered from the last to the first. */
        EXPECT_EQ(the_block()->nr_sent, cases[i].requests);
        for (u32 k = cases[i].requests; k--;)
            respond(ids[k], BLOCK_READ, BLOCK_OKAY);
        notify();
        EXPECT_EQ(reader_end(&reader), 0);
        EXPECT_EQ(the_block()->nr_used_slots, 0);
        part();
    }
}

TEST(block_backend, errors_are_reported_for_their_request)
{
    static const struct {
        int16_t status;
        int error;
    } cases[] = {{BLOCK_ERROR, -EIO}, {BLOCK_UNSUPPORTED, -EOPNOTSUPP}, {-77, -EIO}, {5, -EIO}};

    IN_STORE;
    REQUIRE(connect_both(0, 0));
    for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
        struct block_request first, second;
        struct reader good, bad;

        REQUIRE(reader_start(&good, 0, 512) && next_request(&first));
        REQUIRE(reader_start(&bad, 512, 512) && next_request(&second));
        EXPECT_EQ(second.sector, 1);
        respond(second.id, BLOCK_READ, cases[i].status);
        respond(first.id, BLOCK_READ, BLOCK_OKAY);
        notify();
        EXPECT_EQ(reader_end(&bad), cases[i].error);
        EXPECT_EQ(reader_end(&good), 0);
    }
    part();
}

/* ---- A backend that does not ---------------------------------------------------------------- */

static void answer_with_index(const struct block_request *r)
{
    respond(r->id, r->op, BLOCK_OKAY);
    back.shared->rsp_prod += 1000;
}

static void answer_with_id(const struct block_request *r)
{
    respond(r->id + 1, r->op, BLOCK_OKAY);
}

static void answer_with_huge_id(const struct block_request *r)
{
    respond(r->id | 1ull << 40, r->op, BLOCK_OKAY);
}

static void answer_with_operation(const struct block_request *r)
{
    respond(r->id, BLOCK_WRITE, BLOCK_OKAY);
}

TEST(block_backend, a_backend_that_breaks_a_rule_is_closed)
{
    static void (*const answers[])(const struct block_request *) = {
        answer_with_index, answer_with_id, answer_with_huge_id, answer_with_operation};

    IN_STORE;
    for (u32 i = 0; i < ARRAY_SIZE(answers); i++) {
        struct block_request r;
        struct reader reader;
        u8 byte;

        REQUIRE(connect_both(0, 0));
        REQUIRE(reader_start(&reader, 0, 512) && next_request(&r));
        answers[i](&r);
        notify();
        EXPECT_EQ(reader_end(&reader), -EIO);
        EXPECT(device.broken);
        EXPECT_EQ(disk_read(&the_block()->disk, 0, &byte, 1), -ENXIO);
        part();
    }
}

/* The second answer meets an id that is free again; with another request outstanding, too. */
TEST(block_backend, an_answer_that_is_given_twice_breaks_the_connection)
{
    struct block_request first, second;
    struct reader one, two;

    IN_STORE;
    REQUIRE(connect_both(0, 0));
    REQUIRE(reader_start(&one, 0, 512) && next_request(&first));
    REQUIRE(reader_start(&two, 512, 512) && next_request(&second));
    respond(first.id, BLOCK_READ, BLOCK_OKAY);
    respond(first.id, BLOCK_READ, BLOCK_OKAY);
    notify();
    EXPECT_EQ(reader_end(&one), 0);
    EXPECT_EQ(reader_end(&two), -EIO);
    EXPECT(device.broken);
    part();
}

TEST(block_backend, properties_that_are_not_a_disk_are_refused)
{
    static const struct {
        const char *name;
        u64 value;
    } wrong[] = {{"sectors", 0},        {"sectors", ~0ull},         {"sectors", 1ull << 54},
                 {"sector-size", 511},  {"sector-size", 0},         {"sector-size", 8192},
                 {"sector-size", 1536}, {"sector-size", 1ull << 32}};

    IN_STORE;
    for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
        REQUIRE(backend_offer(0, 0));
        offer(wrong[i].name, wrong[i].value);
        EXPECT_EQ(block_driver.connect(&device), 0);
        REQUIRE(backend_connect());
        EXPECT_EQ(block_driver.finish(&device), -EINVAL);
        EXPECT_EQ(the_block()->disk.size, 0);
        part();
    }
}

/* ---- A backend that another replaces -------------------------------------------------------- */

/*
 * As after a restore: the line and the grants are gone, and another backend begins with an empty
 * ring. Requests without an answer are sent to it, and the one that was answered is not.
 */
TEST(block_backend, a_new_backend_gets_what_the_old_one_has_not_answered)
{
    struct block_request r[3], again[2];
    struct reader readers[3];
    struct block *b;

    IN_STORE;
    REQUIRE(connect_both(2, 256));
    b = the_block();
    for (u32 i = 0; i < ARRAY_SIZE(readers); i++)
        REQUIRE(reader_start(&readers[i], i * 512ull, i == 2 ? KIB(100) : 512) &&
                next_request(&r[i]));
    respond(r[1].id, BLOCK_READ, BLOCK_OKAY);
    notify();
    EXPECT_EQ(reader_end(&readers[1]), 0);
    irq_release(b->line);
    pv_irq_unbind(b->line);
    pv_irq_unbind(back.line);
    EXPECT(block_driver.release(&device));
    block_driver.restored(&device);
    REQUIRE(connect_both(0, 256));
    for (u32 i = 0; i < ARRAY_SIZE(again); i++)
        REQUIRE(next_request(&again[i]));
    EXPECT_EQ(again[0].sector + again[1].sector, 0 + 2); /* at the same place in both kinds */
    EXPECT_EQ(back.shared->req_prod, 2);
    for (u32 i = 0; i < ARRAY_SIZE(again); i++)
        respond(again[i].id, BLOCK_READ, BLOCK_OKAY);
    notify();
    EXPECT_EQ(reader_end(&readers[0]), 0);
    EXPECT_EQ(reader_end(&readers[2]), 0);
    part();
}

/* The request of 25 pages is made again as three, because the new backend takes 11 at a time. */
TEST(block_backend, a_request_that_the_new_backend_cannot_take_is_split)
{
    struct block_request r;
    struct reader reader;
    struct block *b;

    IN_STORE;
    REQUIRE(connect_both(2, 256));
    b = the_block();
    REQUIRE(reader_start(&reader, 0, KIB(100)) && next_request(&r));
    EXPECT_EQ(r.op, BLOCK_INDIRECT);
    irq_release(b->line);
    pv_irq_unbind(b->line);
    pv_irq_unbind(back.line);
    EXPECT(block_driver.release(&device));
    block_driver.restored(&device);
    REQUIRE(connect_both(0, 0));
    for (u32 i = 0; i < 3; i++) {
        REQUIRE(next_request(&r));
        EXPECT_EQ(r.op, BLOCK_READ);
        EXPECT_EQ(r.sector, i * 88);
        respond(r.id, BLOCK_READ, BLOCK_OKAY);
    }
    notify();
    EXPECT_EQ(reader_end(&reader), 0);
    part();
}

/* A transfer that waits for the new backend fails when the toolstack has none for it. */
TEST(block_backend, a_detach_ends_what_is_outstanding)
{
    struct block_request r;
    struct reader reader;

    IN_STORE;
    REQUIRE(connect_both(0, 0));
    REQUIRE(reader_start(&reader, 0, 512) && next_request(&r));
    part();
    EXPECT_EQ(reader_end(&reader), -EIO);
    EXPECT_EQ(the_block()->nr_used_slots, 0);
}
