/* See kernel/user.h. */
#include "kernel/user.h"
#include "kernel/panic.h"
#include "pv/pv.h"

/* What waits for user mode to end; NULL while the kernel runs. */
static struct {
    bool active;
    u64 saved[8]; /* user_enter.S: rbx rbp r12 r13 r14 r15 rsp rip */
    struct trap_frame *frame;
    struct user_exit exit;
} user;

/* The kernel's stack goes on below sp whenever user mode is left. */
void user_go(struct trap_frame *frame, enum user_entry entry, u64 sp)
{
    pv_load_sp0(sp);
    user.active = true;
    if (entry == USER_BY_SYSRET)
        pv_sysret(frame);
    else
        pv_iret(frame);
    panic("the way to user mode returned");
}

bool user_hide(void)
{
    const bool hidden = user.active;

    user.active = false;
    return hidden;
}

void user_unhide(bool hidden)
{
    user.active = hidden;
}

struct user_exit user_run(struct trap_frame *frame, enum user_entry entry)
{
    const u64 flags = pv_save_fl();

    if (user.active)
        panic("user_run inside of user_run");
    pv_irq_disable();
    user.frame = frame;
    user.exit = (struct user_exit){0};
    user_enter(user.saved, frame, entry);
    pv_restore_fl(flags);
    return user.exit;
}

/*
 * A trap of the kernel itself while user mode is being entered or left is the doing of the frame
 * that was to be loaded: nothing else runs between user_go and the next upcall.
 */
bool user_leave(struct trap_frame *frame, u64 fault_address)
{
    if (!user.active)
        return false;
    user.active = false;
    user.exit.fault_address = fault_address;
    user.exit.refused = !from_user(frame);
    *user.frame = *frame;

    frame->rbx = user.saved[0];
    frame->rbp = user.saved[1];
    frame->r12 = user.saved[2];
    frame->r13 = user.saved[3];
    frame->r14 = user.saved[4];
    frame->r15 = user.saved[5];
    frame->rsp = user.saved[6];
    frame->rip = user.saved[7];
    frame->cs = pv_kernel_cs();
    frame->ss = pv_kernel_ss();
    frame->rflags = 2; /* interrupts disabled */
    return true;
}
