/* SPDX-License-Identifier: MIT */
/* Very many lines: more than Xen's 2-level event-channel ABI can hold. */
#include "test/harness/cpus.h"

/*
 * More lines than Xen's 2-level ABI has (64 words of 64 bits). All can be bound only with the FIFO
 * ABI; with evtchn=2l the last ones are refused.
 */
static u16 many[4200];

/* Bind lines until `many` is full or the backend refuses; return how many. */
static u32 bind_many(void)
{
    u32 bound = 0;
    int last = 0;

    while (bound < ARRAY_SIZE(many) && last >= 0) {
        last = pv_irq_bind(PV_IRQ_SOFT, 0);
        if (last >= 0)
            many[bound++] = (u16)last;
    }
    EXPECT(bound == ARRAY_SIZE(many) || last == -ENOSPC);
    return bound;
}

static void unbind_many(u32 bound)
{
    while (bound)
        EXPECT_EQ(pv_irq_unbind(many[--bound]), 0);
}

/* Lines of another CPU, which masks, unmasks and raises each in every round. */
static struct flipper {
    struct test_line lines[32];
    u32 rounds;
    bool open, over, lost;
} flipper;

static void flip_and_raise(struct flipper *f)
{
    for (u32 i = 0; i < ARRAY_SIZE(f->lines); i++)
        f->lost |= pv_irq_mask(f->lines[i].line) != 0;
    for (u32 i = 0; i < ARRAY_SIZE(f->lines); i++)
        f->lost |= pv_irq_unmask(f->lines[i].line) != 0;
    for (u32 i = 0; i < ARRAY_SIZE(f->lines); i++)
        f->lost |= pv_irq_raise(f->lines[i].line) != 0;
    for (u32 i = 0; i < ARRAY_SIZE(f->lines) && !f->lost; i++)
        f->lost = !test_line_hits(&f->lines[i], f->rounds);
}

static void flip_on(void *arg)
{
    struct flipper *f = arg;

    for (u32 i = 0; i < ARRAY_SIZE(f->lines); i++)
        EXPECT(test_line_open(&f->lines[i]));
    WRITE_ONCE(f->open, true);
    while (!READ_ONCE(f->over) && !f->lost) {
        WRITE_ONCE(f->rounds, f->rounds + 1);
        flip_and_raise(f);
    }
    for (u32 i = 0; i < ARRAY_SIZE(f->lines); i++)
        test_line_close(&f->lines[i]);
}

/* Binding many lines on one CPU changes no mask and loses no interrupt of another CPU's lines. */
TEST(wide, many_new_lines_leave_others_their_masks, irq_bind, irq_mask, irq_unmask)
{
    struct workers workers;
    u32 bound;

    NEEDS_CPUS(2);
    flipper = (struct flipper){0};
    workers_start(&workers, 1, 2, flip_on, &flipper, 0);
    while (!READ_ONCE(flipper.open)) /* before all lines are bound here */
        thread_yield();
    bound = bind_many();
    WRITE_ONCE(flipper.over, true);
    workers_join(&workers);
    unbind_many(bound);
    EXPECT(!flipper.lost);
    EXPECT(flipper.rounds);
    print("# %u lines masked, unmasked and raised %u times while %u were bound\n",
          (u32)ARRAY_SIZE(flipper.lines), flipper.rounds, bound);
}

TEST(wide, more_than_4096_lines_can_be_bound, irq_bind, irq_unbind)
{
    struct test_line line = {0};
    u32 bound = bind_many();

    EXPECT(bound >= 64);
    EXPECT_EQ(pv_irq_unbind(many[--bound]), 0);
    EXPECT(test_line_open(&line));
    EXPECT_EQ(pv_irq_raise(line.line), 0);
    EXPECT(test_line_hits(&line, 1));
    print("# %u lines bound, the highest is %u\n", bound + 1, line.line);
    test_line_close(&line);
    unbind_many(bound);
}

SOAK_TEST(wide, interrupts_are_delivered_once_under_stress, irq_raise, irq_disable, irq_enable,
          restore_fl, irq_mask, irq_unmask)
{
    raise_stress((struct stress){.normal = 20000});
}
