/* SPDX-License-Identifier: MIT */
/*
 * pv/xen/console.c and console_ring.h with a console daemon that is slow, stops, comes back or
 * breaks the indices of the ring. Each hypercall that lets other vCPUs run, lets the daemon run.
 */
#include "harness.h"

#include "pv/xen/console.c"

#define START 0xfffffc00u /* of the indices, so that they wrap */

/* What the domain shares, between two areas that must stay as they are. */
static struct {
    u8 before[64];
    struct xencons_interface ring;
    u8 after[64];
} page;

/* The daemon takes burst bytes every period yields, from the yield number begin on. */
static struct {
    u64 begin, period;
    u32 burst;
    bool breaks_index;
    u32 index; /* that it stores then */
    char got[1 << 16];
    u32 len;
} daemon_;

static u64 now_ns, yields, events, hypercall_bytes;
static u64 ns_per_yield;
static bool dom0, no_page;

static void daemon_take(u32 most)
{
    struct xencons_interface *r = &page.ring;

    for (; most && r->out_cons != r->out_prod; most--, r->out_cons++)
        daemon_.got[daemon_.len++] = r->out[r->out_cons % sizeof(r->out)];
}

long xen_sched_op(unsigned int cmd, void *arg, u64 start_info)
{
    CHECK(cmd == SCHEDOP_yield && !arg && !start_info);
    yields++;
    now_ns += ns_per_yield;
    if (daemon_.breaks_index)
        page.ring.out_cons = daemon_.index;
    else if (daemon_.period && yields >= daemon_.begin && yields % daemon_.period == 0)
        daemon_take(daemon_.burst);
    return 0;
}

u64 xen_clock_ns(void)
{
    return now_ns;
}

long evtchn_send(u32 port)
{
    CHECK_EQ(port, 7);
    events++;
    return 0;
}

long xen_console_io(unsigned int cmd, unsigned int count, char *buffer)
{
    (void)cmd;
    (void)buffer;
    hypercall_bytes += count;
    return count;
}

bool xen_is_dom0(void)
{
    return dom0;
}

static void *toolstack_page(enum xen_page which, u32 *port)
{
    CHECK_EQ(which, XEN_PAGE_CONSOLE);
    *port = 7;
    return no_page ? NULL : &page.ring;
}

static const struct xen_variant variant = {.toolstack_page = toolstack_page};
const struct xen_variant *xen_variant = &variant;

static void reset(void)
{
    memset(&page, 0xa5, sizeof(page));
    page.ring.in_cons = page.ring.in_prod = START;
    page.ring.out_cons = page.ring.out_prod = START;
    memset(&daemon_, 0, sizeof(daemon_));
    daemon_.period = 3;
    daemon_.burst = 100;
    now_ns = yields = events = hypercall_bytes = 0;
    ns_per_yield = 2000;
    dom0 = no_page = false;
    lost = 0;
    xen_console_init();
}

static void check_only_the_ring_was_written(void)
{
    for (u32 i = 0; i < sizeof(page.before); i++)
        CHECK(page.before[i] == 0xa5 && page.after[i] == 0xa5);
    for (u32 i = 0; i < sizeof(page.ring.in); i++)
        CHECK((u8)page.ring.in[i] == 0xa5);
    CHECK(page.ring.in_cons == START && page.ring.in_prod == START);
}

static void write_text(const char *text)
{
    xen_console_write(text, strlen(text));
}

/* Write lines until the daemon has been sent total bytes, and compare what it got. */
static void check_transfer(u32 total)
{
    static char wanted[1 << 16];
    u32 len = 0;

    for (u32 i = 0; len < total; i++) {
        char line[64];

        snprintf(line, sizeof(line), "line %u%s\n", i, &"aaaaaaaaaaaaaaaa"[i % 17]);
        write_text(line);
        len += (u32)sprintf(wanted + len, "%.*s\r\n", (int)strlen(line) - 1, line);
    }
    daemon_take(~0u);
    daemon_.got[daemon_.len] = '\0';
    CHECK_STR(daemon_.got, wanted);
    check_only_the_ring_was_written();
}

/* The ring wraps 20 times, and its indices beyond 2^32. */
static void a_slow_daemon_gets_all_bytes_in_order(void)
{
    for (u32 burst = 1; burst < 3000; burst = burst * 3 + 1) {
        reset();
        daemon_.burst = burst;
        check_transfer(40000);
    }
}

/* Slower than the shortest wait, and slower than xenconsoled's pause. */
static void a_daemon_that_pauses_gets_all_bytes(void)
{
    reset();
    daemon_.period = 150000; /* 300 ms */
    daemon_.burst = 2048;
    check_transfer(20000);
}

static void an_event_follows_what_was_written(void)
{
    reset();
    write_text("a");
    CHECK(events > 0);
    events = 0;
    write_text("b\n");
    CHECK(events > 0);
}

/* ns = 0: the clock stands still. Return how many bytes were lost. */
static u64 fill_without_daemon(u64 ns)
{
    u64 sent = 0;

    reset();
    daemon_.period = 0;
    ns_per_yield = ns;
    for (; sent < 3000; sent += 10)
        write_text("012345678\n");
    return sent + sent / 10 - sizeof(page.ring.out);
}

static void check_return_of_daemon(u64 missing)
{
    char note[64];

    daemon_.got[0] = '\0';
    daemon_.len = 0;
    daemon_take(~0u);
    CHECK_EQ(daemon_.len, sizeof(page.ring.out));
    daemon_.len = 0;
    write_text("back\n");
    daemon_take(~0u);
    daemon_.got[daemon_.len] = '\0';
    snprintf(note, sizeof(note), "\r\n[console: %llu bytes lost]\r\nback\r\n",
             (unsigned long long)missing);
    CHECK_STR(daemon_.got, note);
    daemon_.len = 0;
    write_text("again\n");
    daemon_take(~0u);
    daemon_.got[daemon_.len] = '\0';
    CHECK_STR(daemon_.got, "again\r\n");
}

static void without_a_daemon_the_wait_is_bounded_and_the_loss_is_reported(void)
{
    u64 missing = fill_without_daemon(2000);

    CHECK(now_ns >= WAIT_NS && now_ns < 2 * WAIT_NS);
    check_return_of_daemon(missing);
    missing = fill_without_daemon(0);
    CHECK(yields >= LOOKS_MAX && yields < 2 * LOOKS_MAX);
    check_return_of_daemon(missing);
}

/* Nothing may follow missing bytes before the note does, also if the note does not fit yet. */
static void the_note_waits_for_room(void)
{
    const u64 missing = fill_without_daemon(2000);

    daemon_take(10);
    write_text("x");
    CHECK_EQ(page.ring.out_prod - page.ring.out_cons, sizeof(page.ring.out) - 10);
    check_only_the_ring_was_written();
    daemon_take(~0u);
    daemon_.len = 0;
    write_text("y");
    daemon_take(~0u);
    daemon_.got[daemon_.len] = '\0';
    CHECK(atoi(strstr(daemon_.got, "console: ") + 9) == (int)missing + 1);
    CHECK_STR(strrchr(daemon_.got, '\n'), "\ny");
}

static void a_broken_index_costs_time_only(void)
{
    static const u32 indices[] = {START + 1, START + 100000, 0, 0x7fffffff, START - 2049};

    for (u32 i = 0; i < ARRAY_SIZE(indices); i++) {
        reset();
        page.ring.out_cons = daemon_.index = indices[i];
        daemon_.breaks_index = true;
        for (u32 n = 0; n < 1000; n++)
            write_text("0123456789\n");
        CHECK(now_ns < 2 * WAIT_NS);
        check_only_the_ring_was_written();
        if (i == 0)
            continue; /* this one leaves the ring empty after the first byte */
        page.ring.out_cons = page.ring.out_prod;
        daemon_.breaks_index = false;
        write_text("sane\n");
        daemon_take(~0u);
        daemon_.got[daemon_.len] = '\0';
        CHECK(strstr(daemon_.got, "bytes lost]\r\nsane\r\n"));
    }
}

static void type_bytes(const char *text, u32 len)
{
    for (u32 i = 0; i < len; i++)
        page.ring.in[page.ring.in_prod++ % sizeof(page.ring.in)] = text[i];
}

static void each_byte_of_input_is_read_once(void)
{
    reset();
    CHECK(xen_console_read() == -1 && !events);
    for (u32 round = 0; round < 2000; round++) {
        char text[] = {(char)round, (char)(round + 1), (char)0xff};

        type_bytes(text, sizeof(text));
        for (u32 i = 0; i < sizeof(text); i++)
            CHECK_EQ(xen_console_read(), (u8)text[i]);
        CHECK_EQ(xen_console_read(), -1);
    }
    CHECK(page.ring.in_cons == START + 6000 && page.ring.out_prod == START);
}

/* The daemon reads its terminal again only when it learns that there is room. */
static void the_daemon_learns_of_room(void)
{
    static char text[sizeof(page.ring.in)];

    reset();
    type_bytes(text, sizeof(text));
    CHECK(xen_console_read() == 0 && events == 1);
    CHECK(xen_console_read() == 0 && events == 1);
    for (u32 i = 0; i < sizeof(text) - 2; i++)
        CHECK(xen_console_read() == 0);
    CHECK_EQ(events, 2);
}

static void a_broken_index_of_input_is_no_input(void)
{
    static const u32 indices[] = {START - 1, START + 1025, 0x80000000};

    for (u32 i = 0; i < ARRAY_SIZE(indices); i++) {
        reset();
        page.ring.in_prod = indices[i];
        CHECK_EQ(xen_console_read(), -1);
        CHECK_EQ(page.ring.in_cons, START);
    }
}

static void the_end_waits_for_the_daemon(void)
{
    reset();
    daemon_.begin = 1000;
    write_text("the last line\n");
    xen_console_drain();
    CHECK(console_ring_is_drained(&page.ring) && yields >= 1000);
    reset();
    daemon_.period = 0;
    write_text("the last line\n");
    xen_console_drain();
    CHECK(now_ns < 2 * WAIT_NS);
    fill_without_daemon(2000);
    now_ns = 0;
    xen_console_drain();
    CHECK_EQ(now_ns, 0);
}

static void without_a_ring_the_hypercall_is_used(void)
{
    for (int why = 0; why < 2; why++) {
        reset();
        dom0 = why == 0;
        no_page = why == 1;
        xen_console_init();
        write_text("five\n");
        CHECK(hypercall_bytes == 5 && !events && !xen_console_has_ring());
        xen_console_drain();
        CHECK_EQ(yields, 0);
    }
}

int main(void)
{
    RUN(a_slow_daemon_gets_all_bytes_in_order);
    RUN(a_daemon_that_pauses_gets_all_bytes);
    RUN(an_event_follows_what_was_written);
    RUN(without_a_daemon_the_wait_is_bounded_and_the_loss_is_reported);
    RUN(the_note_waits_for_room);
    RUN(a_broken_index_costs_time_only);
    RUN(each_byte_of_input_is_read_once);
    RUN(the_daemon_learns_of_room);
    RUN(a_broken_index_of_input_is_no_input);
    RUN(the_end_waits_for_the_daemon);
    RUN(without_a_ring_the_hypercall_is_used);
    return finish("Xen console");
}
