/* Class 2 of the ops, entry and exit: the ways between kernel and user mode. */
#include "kernel/trap.h"
#include "kernel/user.h"
#include "pv/pv.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/test.h"

TEST(user, io_rights_refuse_what_is_no_right, set_iopl, set_io_bitmap)
{
    EXPECT_EQ(pv_set_iopl(4), -EINVAL);
    EXPECT_EQ(pv_set_io_bitmap(NULL, 65537), -EINVAL);
}

/* user_mode.S: leaves by pv_iret for kernel mode and stores all registers as they came. */
void iret_and_capture(struct trap_frame *to, struct trap_frame *came);

TEST(user, iret_loads_every_register, iret, sysret, syscall_init, load_sp0)
{
    static union {
        struct trap_frame frame;
        u64 words[TRAP_FRAME_SIZE / 8];
    } to, came; /* the first 15 words are the general registers */

    for (u32 i = 0; i < 15; i++)
        to.words[i] = 0x1000100010001000ull * (i + 1) + i;
    to.frame.cs = pv_kernel_cs();
    to.frame.ss = pv_kernel_ss();
    to.frame.rflags = RFLAGS_FIXED | RFLAGS_CF;
    iret_and_capture(&to.frame, &came.frame);
    EXPECT(!(pv_save_fl() & PV_FLAG_IF)); /* as the frame had it */
    pv_irq_enable();
    for (u32 i = 0; i < 15; i++)
        EXPECT_EQ(came.words[i], to.words[i]);
    EXPECT_EQ(came.frame.rflags & RFLAGS_CF, RFLAGS_CF);
    EXPECT_EQ(came.frame.rsp, to.frame.rsp);
}

void pv_iret_call(struct trap_frame *frame);
void pv_iret_call(struct trap_frame *frame)
{
    pv_iret(frame);
}
