/*
 * The ways into the kernel and out of it: what the kernel runs with after each, which user mode
 * must not decide, and frames that cannot be loaded.
 */
#include "kernel/trap.h"
#include "lib/string.h"
#include "mm/space.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/cpus.h"
#include "test/sandbox.h"

#define NON_CANONICAL 0x0000900000000000

/* ---- user_run ----------------------------------------------------------------------------------
 */

static u32 switches_here;

static void count_switch(struct thread *thread, bool has_come)
{
    (void)thread;
    switches_here += has_come;
}

/* What a thread wants done at its switches, such as the load of its %fs base, survives a user_run.
 */
TEST(entry, user_run_gives_the_threads_switches_back)
{
    void (*const before)(struct thread *, bool) = this_thread()->on_switch;

    REQUIRE(sandbox_enter());
    this_thread()->on_switch = count_switch;
    switches_here = 0;
    sandbox_prepare(user_code_syscall);
    sandbox_run(USER_BY_IRET);
    EXPECT(this_thread()->on_switch == count_switch);
    EXPECT_EQ(switches_here, 1);
    this_thread()->on_switch = before;
    sandbox_leave();
}
