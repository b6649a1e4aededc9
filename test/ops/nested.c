/* SPDX-License-Identifier: MIT */
/*
 * Ops that a handler may call, and ops whose caller may be preempted and migrate (pv/ops.def). The
 * test steps through the op (test/harness/step.h) and at each instruction lets a handler call an op
 * of the same class, lets another thread run, or checks which CPU the thread is on.
 */
#include "lib/string.h"
#include "test/harness/cpus.h"
#include "test/harness/step.h"

/* ---- A clock that has factors for each CPU ------------------------------------------------- */

#define OPCODE_RDTSC 0x310f
#define SITE_PREFIX  0x2e /* prefix that pads an instruction to the length of its call site */

static u32 readings, movable;

static void check_rdtsc(struct steps *steps, struct trap_frame *frame)
{
    const u8 *code = (const u8 *)frame->rip;
    u16 opcode;

    (void)steps;
    while (*code == SITE_PREFIX)
        code++;
    memcpy(&opcode, code, sizeof(opcode));
    if (opcode != OPCODE_RDTSC)
        return;
    readings++;
    movable += step_may_yield(frame);
}

static void read_clock(void *arg)
{
    (void)arg;
    pv_clock_ns();
}

/*
 * Two CPUs' TSCs need not agree: Xen has a record of factors for each, which must be used with that
 * CPU's TSC.
 */
TEST(nested, clock_reads_the_tsc_of_the_cpu_whose_record_it_has, clock_ns)
{
    struct steps steps = {.between = check_rdtsc};

    if (on_bare_metal())
        SKIP("this clock has one factor for all CPUs");
    readings = movable = 0;
    step_through(&steps, read_clock, NULL);
    EXPECT(readings);
    EXPECT_EQ(movable, 0);
}

/* ---- An IPI that an NMI's handler sends while another is being sent ------------------------ */

static struct {
    u32 at; /* the instruction before which the handler sends */
    u32 counts[PV_CPUS_MAX];
    u32 nmis_sent, nmis;
} ipi;

static void count_ipi(void)
{
    __atomic_fetch_add(&ipi.counts[pv_this_cpu()], 1, __ATOMIC_SEQ_CST);
}

static bool count_nmi(struct trap_frame *frame)
{
    (void)frame;
    ipi.nmis++;
    return true;
}

static void send_nmi_here(struct steps *steps, struct trap_frame *frame)
{
    (void)frame;
    if (steps->count != ipi.at)
        return;
    ipi.nmis_sent++;
    pv_send_nmi(pv_this_cpu());
}

static void send_ipi_there(void *arg)
{
    (void)arg;
    pv_send_ipi(1, PV_IPI_STOP);
}

static bool is_counted(u32 cpu, u32 wanted)
{
    SPIN_UNTIL(READ_ONCE(ipi.counts[cpu]) >= wanted);
    return READ_ONCE(ipi.counts[cpu]) == wanted;
}

TEST(nested, ipi_arrives_although_an_nmi_handler_sends_another, send_ipi, send_nmi, apic_icr)
{
    struct steps steps = {.between = send_nmi_here};
    trap_hook *const others = nmi_hook;

    NEEDS_CPUS(2);
    memset(&ipi, 0, sizeof(ipi));
    irq_set_ipi_handler(PV_IPI_STOP, count_ipi);
    nmi_hook = count_nmi;
    do {
        step_through(&steps, send_ipi_there, NULL);
        if (!EXPECT(is_counted(1, ipi.at + 1)))
            break;
        ipi.at++;
    } while (steps.count >= ipi.at);
    spin(NS_PER_MS);
    EXPECT_EQ(ipi.counts[0], 0);
    EXPECT(ipi.nmis_sent > 3);
    EXPECT_EQ(ipi.nmis, ipi.nmis_sent);
    print("# an NMI at each of %u instructions of send_ipi\n", ipi.nmis_sent);
    nmi_hook = others;
    irq_set_ipi_handler(PV_IPI_STOP, NULL);
}

/* ---- A byte of the console that two threads, or two CPUs, read ------------------------------- */

enum {
    COM1 = 0x3f8,
    UART_MCR = COM1 + 4,
    UART_LSR = COM1 + 5,
    MCR_DTR_RTS = 0x03,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10, /* loopback: a sent byte is received (PC16550D data sheet, MCR) */
    LSR_DATA_READY = 0x01,
    BYTE_NS = 10 * NS_PER_MS, /* longer than a byte takes on the line, at 9600 baud and more */
};

/* Let the UART receive what it sends, and send a byte. Return whether it arrives. */
static bool loop_back(u8 byte)
{
    struct time_limit limit = time_limit(BYTE_NS);
    u32 status = 0;

    pv_port_out(UART_MCR, 1, MCR_DTR_RTS | MCR_OUT2 | MCR_LOOP);
    pv_port_out(COM1, 1, byte);
    do
        pv_port_in(UART_LSR, 1, &status);
    while (!(status & LSR_DATA_READY) && !time_limit_reached(&limit));
    return status & LSR_DATA_READY;
}

static void loop_back_end(void)
{
    pv_port_out(UART_MCR, 1, MCR_DTR_RTS | MCR_OUT2);
}

/* Return whether there is a UART at COM1 that has a loopback mode; Bochs 2.7's has none. */
static bool can_loop_back(void)
{
    u32 status = 0;
    bool arrives;

    if (!on_bare_metal() || pv_port_in(UART_LSR, 1, &status) || status == 0xff)
        return false;
    arrives = loop_back('\n');
    loop_back_end();
    return arrives && EXPECT_EQ(pv_console_read(), '\n');
}

static struct {
    u32 at;
    int first, second; /* what the two threads read */
} reads;

static void read_in_other_thread(struct steps *steps, struct trap_frame *frame)
{
    if (steps->count >= reads.at && step_may_yield(frame) && reads.second == -2)
        reads.second = pv_console_read();
}

static void read_byte(void *arg)
{
    (void)arg;
    reads.first = pv_console_read();
}

/* The thread of CPU 1 that reads: each flag is set by the one and cleared by the other. */
static struct {
    bool asked, entered, stopped;
} other;

/* Print nothing until loopback mode is off. */
static u32 step_a_read(u8 byte, void (*between)(struct steps *, struct trap_frame *))
{
    struct steps steps = {.between = between};
    const bool arrived = loop_back(byte);

    reads.first = reads.second = -2;
    step_through(&steps, read_byte, NULL);
    while (READ_ONCE(other.asked))
        barrier();
    if (reads.second == -2)
        reads.second = pv_console_read();
    loop_back_end();
    EXPECT(arrived);
    return steps.count;
}

TEST(nested, byte_of_the_console_is_read_by_one_of_two_threads, console_read)
{
    u32 count;

    if (!can_loop_back())
        SKIP("no UART at COM1 that receives in loopback mode what it sends");
    EXPECT_EQ(pv_console_read(), -1);
    reads.at = 0;
    other.asked = false;
    do {
        count = step_a_read((u8)('A' + reads.at % 26), read_in_other_thread);
        EXPECT_EQ(MIN(reads.first, reads.second), -1);
        EXPECT_EQ(MAX(reads.first, reads.second), 'A' + reads.at % 26);
        reads.at++;
    } while (count >= reads.at);
    EXPECT(reads.at > 3);
    EXPECT_EQ(pv_console_read(), -1);
}

static void read_when_asked(void *arg)
{
    (void)arg;
    while (!READ_ONCE(other.stopped)) {
        if (!READ_ONCE(other.asked))
            continue;
        WRITE_ONCE(other.entered, true);
        WRITE_ONCE(reads.second, pv_console_read());
        WRITE_ONCE(other.asked, false);
    }
}

/* CPU 1 reads here, unless it has to wait for this CPU: then it reads at a later instruction. */
static void let_cpu_1_read(struct steps *steps, struct trap_frame *frame)
{
    u64 end;

    (void)frame;
    if (steps->count != reads.at)
        return;
    WRITE_ONCE(other.asked, true);
    SPIN_UNTIL(READ_ONCE(other.entered));
    end = pv_clock_ns() + 2 * NS_PER_MS;
    while (READ_ONCE(reads.second) == -2 && pv_clock_ns() < end)
        barrier();
}

TEST(nested, byte_of_the_console_is_read_by_one_of_two_cpus, console_read)
{
    u32 count;
    struct thread *reader;

    if (!can_loop_back())
        SKIP("no UART at COM1 that receives in loopback mode what it sends");
    NEEDS_CPUS(2);
    EXPECT_EQ(pv_console_read(), -1);
    memset(&other, 0, sizeof(other));
    reads.at = 0;
    reader = thread_start("reader", 1, read_when_asked, NULL);
    REQUIRE(reader);
    do {
        other.entered = false;
        count = step_a_read((u8)('A' + reads.at % 26), let_cpu_1_read);
        EXPECT_EQ(MIN(reads.first, reads.second), -1);
        EXPECT_EQ(MAX(reads.first, reads.second), 'A' + reads.at % 26);
        reads.at++;
    } while (count >= reads.at);
    WRITE_ONCE(other.stopped, true);
    thread_join(reader);
    EXPECT(reads.at > 3);
    EXPECT_EQ(pv_console_read(), -1);
}

/* ---- The interrupted selector -------------------------------------------------------------------
 */

static u64 wrong_cs;

static void compare_cs(struct steps *steps, struct trap_frame *frame)
{
    (void)steps;
    if (frame->cs != pv_kernel_cs())
        wrong_cs = frame->cs;
}

static void disable_and_enable(void *arg)
{
    (void)arg;
    pv_irq_disable();
    pv_irq_enable();
}

/* Nothing of the interrupt flag, which Xen keeps in the upper half of a frame's cs. */
TEST(nested, cs_of_a_frame_is_the_selector_alone, irq_disable, irq_enable)
{
    struct steps steps = {.between = compare_cs};

    wrong_cs = 0;
    step_through(&steps, disable_and_enable, NULL);
    EXPECT(steps.count > 2);
    EXPECT_EQ(wrong_cs, 0);
}
