/* SPDX-License-Identifier: MIT */
/*
 * The console's interrupt. A test has its input typed by the runner, as setup.c does, and reads the
 * console after the line was bound and after each interrupt only: it never looks again by itself.
 * An interrupt that is not delivered ends it.
 */
#include "kernel/irq.h"
#include "lib/string.h"
#include "test/harness/cpus.h"
#include "test/harness/lines.h"

static struct {
    u32 line, cpu;
    u32 hits, wrong_cpu;
} console;

static void on_console(void *unused)
{
    (void)unused;
    pv_irq_mask(console.line);
    console.wrong_cpu += pv_this_cpu() != console.cpu;
    WRITE_ONCE(console.hits, console.hits + 1);
}

/* Bind the line on this CPU. bound: the result of irq_bind. */
static void open_here(void *bound)
{
    const int line = pv_irq_bind(PV_IRQ_CONSOLE, 0);

    memset(&console, 0, sizeof(console));
    console.line = (u32)line;
    console.cpu = pv_this_cpu();
    *(int *)bound = line;
    if (line >= 0)
        EXPECT_EQ(irq_request(console.line, on_console, NULL), 0);
}

static void close_line(void)
{
    EXPECT_EQ(irq_release(console.line), 0);
    EXPECT_EQ(pv_irq_unbind(console.line), 0);
    EXPECT_EQ(pv_irq_unbind(console.line), -EINVAL);
}

/* Return the next byte, waiting for an interrupt if none is pending; -1 if none arrives. */
static int next_byte(void)
{
    for (;;) {
        const u32 before = READ_ONCE(console.hits);
        int byte;

        EXPECT_EQ(pv_irq_unmask(console.line), 0);
        byte = pv_console_read();
        if (byte >= 0 || !EXPECT(SPIN_UNTIL(READ_ONCE(console.hits) != before)))
            return byte;
    }
}

static void expect_typed_line(void)
{
    char line[CMDLINE_VALUE_MAX];
    size_t len = 0;
    int byte;

    while (pv_console_read() >= 0)
        ;
    console.hits = 0;
    print("paravane: echo %s\n", cmdline.echo);
    EXPECT_EQ(pv_irq_unmask(console.line), 0);
    REQUIRE(SPIN_UNTIL(READ_ONCE(console.hits)));
    while ((byte = next_byte()) >= 0 && byte != '\n' && byte != '\r')
        if (len + 1 < sizeof(line))
            line[len++] = (char)byte;
    line[len] = '\0';
    if (!EXPECT(!strcmp(line, cmdline.echo)))
        print("# came back as \"%s\"\n", line);
    /* At most one byte is left: the '\n' of a line that ends with "\r\n". */
    EXPECT(pv_console_read() == -1 || pv_console_read() == -1);
    EXPECT_EQ(console.wrong_cpu, 0);
}

/* Twice: what is unbound can be bound again, and still reports input. */
TEST(console, interrupts_when_input_arrives, irq_bind, irq_unbind, irq_mask, irq_unmask,
     console_read)
{
    if (!cmdline.echo[0])
        SKIP("no input: the command line has no echo=");
    for (u32 round = 0; round < 2; round++) {
        int bound;

        open_here(&bound);
        REQUIRE(bound >= 0);
        EXPECT_EQ(pv_irq_bind(PV_IRQ_CONSOLE, 0), -EBUSY);
        EXPECT_EQ(pv_irq_raise(console.line), -EINVAL);
        EXPECT(pv_evtchn_port(console.line) < 0);
        expect_typed_line();
        close_line();
    }
}

/* Input that arrives while the line is masked is one interrupt after irq_unmask. */
TEST(console, interrupt_is_pending_while_the_line_is_masked, irq_bind, irq_mask, irq_unmask)
{
    u64 end;
    int bound;

    if (!cmdline.echo[0])
        SKIP("no input: the command line has no echo=");
    open_here(&bound);
    REQUIRE(bound >= 0);
    EXPECT_EQ(pv_irq_mask(console.line), 0);
    console.hits = 0;
    print("paravane: echo %s\n", cmdline.echo);
    end = pv_clock_ns() + 50 * NS_PER_MS;
    while (pv_clock_ns() < end)
        barrier();
    EXPECT_EQ(console.hits, 0);
    EXPECT_EQ(pv_irq_unmask(console.line), 0);
    EXPECT(SPIN_UNTIL(READ_ONCE(console.hits)));
    while (next_byte() >= ' ')
        ;
    close_line();
}

TEST(console, interrupts_the_cpu_that_bound_it, irq_bind, irq_unmask)
{
    int bound;

    NEEDS_CPUS(2);
    if (!cmdline.echo[0])
        SKIP("no input: the command line has no echo=");
    EXPECT_EQ(smp_call(1, open_here, &bound), 0);
    REQUIRE(bound >= 0);
    EXPECT_EQ(console.cpu, 1);
    expect_typed_line();
    close_line();
}
