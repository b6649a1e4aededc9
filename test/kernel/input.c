/* SPDX-License-Identifier: MIT */
/* Console input of programs: a reader sleeps until there is something to read. */
#include "kernel/app_console.h"
#include "kernel/app_input.h"
#include "kernel/thread.h"
#include "lib/string.h"
#include "test/harness/lines.h"

#define IDLE_NS   (200 * NS_PER_MS)
#define LOOKS_MAX 5 /* in IDLE_NS; a reader that polls looks 200 times */

static struct {
    struct thread *thread;
    char line[CMDLINE_VALUE_MAX];
    u32 interrupt; /* its bit 0 ends a read */
    int result;    /* of the last read */
    bool ended;
} reader;

static void read_line(void *unused)
{
    size_t len = 0;

    (void)unused;
    while ((reader.result = libc_console_read_interruptible(
                reader.line + len, 1, (struct libc_interrupt){&reader.interrupt, 1})) == 1 &&
           reader.line[len] >= ' ')
        len += len < sizeof(reader.line) - 1;
    reader.line[len] = '\0';
    WRITE_ONCE(reader.ended, true);
}

static bool reader_start(void)
{
    const u64 before = app_console_counts.reads;

    memset(&reader, 0, sizeof(reader));
    reader.thread = thread_start("reader", THREAD_ANY_CPU, read_line, NULL);
    return EXPECT(reader.thread) &&
           EXPECT(SLEEP_UNTIL(READ_ONCE(app_console_counts.reads) > before));
}

static void interrupt_reader(void)
{
    __atomic_store_n(&reader.interrupt, 1, __ATOMIC_SEQ_CST);
    libc_wake(&reader.interrupt, 1);
}

/* A reader that does not end is interrupted, and fails. */
static void reader_end(void)
{
    if (!EXPECT(SLEEP_UNTIL(READ_ONCE(reader.ended))))
        interrupt_reader();
    thread_join(reader.thread);
}

static u64 timers_of_all_cpus(void)
{
    u64 sum = 0;

    for_each_online_cpu (c)
        sum += READ_ONCE(c->irqs.timers);
    return sum;
}

/* What is counted is how often the kernel looks and is woken, not how long something takes. */
TEST(input, waiting_reader_does_not_poll, irq_bind, irq_unmask)
{
    u64 reads, timers;

    if (!cmdline.echo[0])
        SKIP("no input: the command line has no echo=");
    app_console_listen();
    if (reader_start()) {
        sleep_ns(IDLE_NS); /* the domU's daemon takes the last output, which interrupts */
        reads = READ_ONCE(app_console_counts.reads);
        timers = timers_of_all_cpus();
        sleep_ns(IDLE_NS);
        reads = READ_ONCE(app_console_counts.reads) - reads;
        timers = timers_of_all_cpus() - timers;
        EXPECT(reads <= LOOKS_MAX);
        EXPECT(timers <= IDLE_NS / NS_PER_MS / 2);
        print("# %llu looks and %llu timer interrupts in %llu ms\n", (unsigned long long)reads,
              (unsigned long long)timers, IDLE_NS / NS_PER_MS);
        interrupt_reader();
        reader_end();
        EXPECT_EQ(reader.result, LIBC_CONSOLE_INTERRUPTED);
    }
    app_console_ignore();
}

TEST(input, typed_line_wakes_a_waiting_reader, irq_bind, irq_unmask)
{
    u64 interrupts;

    if (!cmdline.echo[0])
        SKIP("no input: the command line has no echo=");
    app_console_listen();
    if (reader_start()) {
        sleep_ns(20 * NS_PER_MS);
        interrupts = READ_ONCE(app_console_counts.interrupts);
        print("paravane: echo %s\n", cmdline.echo);
        reader_end();
        EXPECT_EQ(reader.result, 1);
        EXPECT(!strcmp(reader.line, cmdline.echo));
        EXPECT(READ_ONCE(app_console_counts.interrupts) > interrupts);
    }
    app_console_ignore();
}

/* Without the console's interrupt a reader looks at intervals. */
TEST(input, reader_without_an_interrupt_polls, console_read)
{
    if (!cmdline.echo[0])
        SKIP("no input: the command line has no echo=");
    if (reader_start()) {
        print("paravane: echo %s\n", cmdline.echo);
        reader_end();
        EXPECT_EQ(reader.result, 1);
        EXPECT(!strcmp(reader.line, cmdline.echo));
    }
}
