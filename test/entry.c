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

/* ---- Frames of the kernel that cannot be loaded ------------------------------------------------
 */

/*
 * pv_iret to kernel mode faults like that to user mode: one exception, which a PV_TRY block takes,
 * and the kernel's and the user's %gs bases are as before.
 */
TEST(entry, impossible_kernel_frames_end_in_an_exception, iret)
{
    const u64 cs = pv_kernel_cs(), ss = pv_kernel_ss();
    const struct {
        u64 rip, cs, ss;
    } bad[] = {
        {NON_CANONICAL, cs, ss},
        {(u64)memset, 0xfff0, ss},
        {(u64)memset, 0, ss},
        {(u64)memset, GDT_FIRST_FREE * 8, ss},
        {(u64)memset, cs, 0xfff0},
    };
    static u8 stack[2048] __aligned(16); /* where the exception may be pushed */
    struct pv_cpu_area *const area = pv_this_area();

    pv_irq_disable();
    EXPECT_EQ(pv_write_user_gs_base(SANDBOX_DATA), 0);
    for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
        struct trap_frame frame = {.rip = bad[i].rip,
                                   .cs = bad[i].cs,
                                   .ss = bad[i].ss,
                                   .rsp = (u64)(stack + sizeof(stack)),
                                   .rflags = RFLAGS_FIXED};
        struct fault f = {0};

        PV_TRY(f)
        {
            pv_iret(&frame);
        }
        EXPECT(f.caught && f.vector < 32);
        EXPECT(pv_this_area() == area);
        EXPECT_EQ(pv_read_user_gs_base(), SANDBOX_DATA);
        print("# kernel frame %u: %s, error %#llx\n", i, exception_name(f.vector),
              (unsigned long long)f.error);
    }
    EXPECT_EQ(pv_write_user_gs_base(0), 0);
    pv_irq_enable();
}

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
