/* SPDX-License-Identifier: MIT */
/* The exception table (pv/ex_table.h) applies only to faults of kernel code. */
#include "kernel/trap.h"
#include "mm/space.h"
#include "pv/ex_table.h"
#include "test/harness/sandbox.h"
#include "test/harness/step.h"
#include "test/harness/test.h"

extern const struct ex_entry _ex_table_start[], _ex_table_end[];

/*
 * User code that faults at an address of the exception table is reported as a fault of the user,
 * without a fixup.
 */
TEST(user, exceptions_at_kernel_addresses_are_reported_as_the_users, trap_init)
{
    const struct ex_entry *const first = _ex_table_start;

    REQUIRE(sandbox_enter());
    for (const struct ex_entry *e = first; e < _ex_table_end && e < first + 8; e++) {
        const u64 from = (u64)&e->from + (u64)e->from;

        sandbox_prepare(user_code_undefined);
        sandbox.frame.rip = from;
        sandbox_run(USER_BY_IRET);
        EXPECT_EQ(sandbox.frame.vector, VECTOR_PF);
        EXPECT_EQ(sandbox.frame.rip, from);
    }
    sandbox_leave();
}

static void count_step(struct steps *steps, struct trap_frame *frame)
{
    (void)steps, (void)frame;
}

static void copy_some(void *arg)
{
    EXPECT_EQ(copy_from_user(arg, SANDBOX_DATA, 16), 0);
}

/* A debug exception before an instruction of the table is not that instruction's fault. */
TEST(user, copies_can_be_stepped, user_access_begin, user_access_end)
{
    struct steps steps = {.between = count_step};
    u64 copied[2] = {0, 0};

    REQUIRE(sandbox_enter());
    SANDBOX_WORD(0) = 0x1111;
    SANDBOX_WORD(1) = 0x2222;
    step_through(&steps, copy_some, copied);
    EXPECT(steps.count > 16);
    EXPECT_EQ(copied[0], 0x1111);
    EXPECT_EQ(copied[1], 0x2222);
    sandbox_leave();
}
