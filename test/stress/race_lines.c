/* SPDX-License-Identifier: MIT */
/*
 * Races of interrupt lines, provoked at each instruction (test/harness/step.h): at each of them the
 * test does to the line what an interrupt handler or another CPU could do there.
 */
#include "kernel/irq.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"
#include "test/harness/step.h"

/* ---- A line is masked from its first instruction on ---------------------------------------- */

static struct {
    u32 number, hits, raised;
} line;

static void count_hit(void *data)
{
    (void)data;
    line.hits++;
}

/*
 * Bind, unmask and unbind the line on the other CPU, so that its number was last used unmasked
 * there.
 */
static void use_line_on_other_cpu(void *arg)
{
    const int bound = pv_irq_bind(PV_IRQ_SOFT, 0);

    (void)arg;
    line.number = (u32)bound;
    EXPECT(bound >= 0 && !pv_irq_unmask(line.number) && !pv_irq_unbind(line.number));
}

static void end_last_use(void)
{
    line.hits = line.raised = 0;
    EXPECT_EQ(smp_call(1, use_line_on_other_cpu, NULL), 0);
}

static void raise_new_line(struct trap_frame *frame)
{
    (void)frame;
    line.raised += !pv_irq_raise(line.number);
    spin(5 * NS_PER_MS); /* time for the other CPU to handle a wrong delivery */
}

static void bind_line(void *arg)
{
    const int bound = pv_irq_bind(PV_IRQ_SOFT, 0);

    (void)arg;
    EXPECT(bound >= 0);
    line.number = (u32)bound;
}

static void expect_masked(void)
{
    EXPECT_EQ(READ_ONCE(line.hits), 0);
    EXPECT_EQ(pv_irq_unbind(line.number), 0);
}

SOAK_TEST(race, line_is_masked_from_its_first_instruction_on, irq_bind, irq_raise)
{
    struct race race = {
        .prepare = end_last_use, .run = bind_line, .act = raise_new_line, .check = expect_masked};

    NEEDS_BARE_OPS;
    NEEDS_CPUS(2);
    bind_line(NULL);
    EXPECT_EQ(irq_request(line.number, count_hit, NULL), 0);
    EXPECT_EQ(pv_irq_unbind(line.number), 0);
    step_act_at_each(&race, 10);
    bind_line(NULL);
    EXPECT_EQ(irq_release(line.number), 0);
    EXPECT_EQ(pv_irq_unbind(line.number), 0);
}

/* ---- A line changes at each instruction of its interrupt ----------------------------------- */

static struct {
    struct race race;
    bool masked;     /* the line is masked before its interrupt is raised */
    bool unmasked;   /* act has unmasked the line */
    u32 least, most; /* fewest and most handler runs allowed */
} life;

static void prepare_line(void)
{
    line.hits = 0;
    life.unmasked = false;
    life.least = life.most = 1;
    EXPECT_EQ(life.masked ? pv_irq_mask(line.number) : pv_irq_unmask(line.number), 0);
}

static void raise_line(void *arg)
{
    (void)arg;
    EXPECT_EQ(pv_irq_raise(line.number), 0);
    spin(10 * NS_PER_US);
}

static void expect_hits(void)
{
    if (!life.unmasked)
        EXPECT_EQ(pv_irq_unmask(line.number), 0);
    SPIN_UNTIL(READ_ONCE(line.hits) >= life.least);
    spin(10 * NS_PER_US);
    test_expect(line.hits >= life.least && line.hits <= life.most, __FILE__, __LINE__,
                "%u interrupts, and %u to %u raised, instruction %u", line.hits, life.least,
                life.most, life.race.round);
}

/*
 * Return whether an interrupt is delivered while its line is masked: on Xen a masked event channel
 * is pending without an upcall.
 */
static bool is_delivered_while_masked(void)
{
    return on_bare_metal();
}

static void step_interrupts(bool masked, void (*act)(struct trap_frame *frame))
{
    const int bound = pv_irq_bind(PV_IRQ_SOFT, 0);

    REQUIRE(bound >= 0);
    line.number = (u32)bound;
    life.masked = masked;
    life.race = (struct race){.prepare = prepare_line,
                              .run = raise_line,
                              .interrupt = true,
                              .act = act,
                              .check = expect_hits};
    EXPECT_EQ(irq_request(line.number, count_hit, NULL), 0);
    step_act_at_each(&life.race, masked && !is_delivered_while_masked() ? 0 : 30);
    EXPECT_EQ(irq_release(line.number), 0);
    EXPECT_EQ(pv_irq_unbind(line.number), 0);
}

static void unmask_line(struct trap_frame *frame)
{
    (void)frame;
    life.unmasked = true;
    EXPECT_EQ(pv_irq_unmask(line.number), 0);
}

SOAK_TEST(race, line_is_unmasked_at_each_instruction_of_its_interrupt, irq_mask, irq_unmask)
{
    NEEDS_BARE_OPS;
    step_interrupts(true, unmask_line);
}

static void mask_line(struct trap_frame *frame)
{
    (void)frame;
    EXPECT_EQ(pv_irq_mask(line.number), 0);
}

SOAK_TEST(race, line_is_masked_at_each_instruction_of_its_interrupt, irq_mask, irq_unmask)
{
    NEEDS_BARE_OPS;
    step_interrupts(false, mask_line);
}

/*
 * Raise the line once more: it merges with the first interrupt only until the handler has started.
 */
static void raise_again(struct trap_frame *frame)
{
    (void)frame;
    life.most = 2;
    if (line.hits)
        life.least = 2;
    EXPECT_EQ(pv_irq_raise(line.number), 0);
}

SOAK_TEST(race, line_is_raised_at_each_instruction_of_its_interrupt, irq_raise, irq_eoi)
{
    NEEDS_BARE_OPS;
    step_interrupts(false, raise_again);
}

/* ---- A line ends while another begins ------------------------------------------------------ */

static int second_line; /* bound by act; or an error */

static void begin_line(void)
{
    bind_line(NULL);
    second_line = -ENOSPC;
}

static void unbind_line(void *arg)
{
    (void)arg;
    EXPECT_EQ(pv_irq_unbind(line.number), 0);
}

/* The platform may have given the number of the first line to the second one. */
static void bind_in_handler(struct trap_frame *frame)
{
    if (frame->rflags & PV_FLAG_IF)
        second_line = pv_irq_bind(PV_IRQ_SOFT, 0);
}

static void expect_second_line(void)
{
    if (second_line < 0)
        return;
    EXPECT_EQ(pv_irq_mask((u32)second_line), 0);
    EXPECT_EQ(pv_irq_unbind((u32)second_line), 0);
}

SOAK_TEST(race, line_is_bound_at_each_instruction_of_an_unbind, irq_unbind, irq_bind)
{
    struct race race = {.prepare = begin_line,
                        .run = unbind_line,
                        .act = bind_in_handler,
                        .check = expect_second_line};

    NEEDS_BARE_OPS;
    step_act_at_each(&race, 10);
}

/* ---- The console's interrupt is bound twice ------------------------------------------------- */

static int console_line; /* the result of the interrupted irq_bind; second_line: of act's */

static void forget_lines(void)
{
    console_line = second_line = -EBUSY;
}

static void bind_console(void *arg)
{
    (void)arg;
    console_line = pv_irq_bind(PV_IRQ_CONSOLE, 0);
}

static void bind_console_in_handler(struct trap_frame *frame)
{
    if (frame->rflags & PV_FLAG_IF)
        second_line = pv_irq_bind(PV_IRQ_CONSOLE, 0);
}

/* One of the two got the line. */
static void expect_one_console_line(void)
{
    const int bound = MAX(console_line, second_line);

    EXPECT_EQ(MIN(console_line, second_line), -EBUSY);
    if (EXPECT(bound >= 0))
        EXPECT_EQ(pv_irq_unbind((u32)bound), 0);
}

SOAK_TEST(race, console_is_bound_at_each_instruction_of_another_bind, irq_bind)
{
    struct race race = {.prepare = forget_lines,
                        .run = bind_console,
                        .act = bind_console_in_handler,
                        .check = expect_one_console_line};

    NEEDS_BARE_OPS;
    if (!cmdline.echo[0])
        SKIP("no input: the command line has no echo=");
    step_act_at_each(&race, 10);
}
