/* See kernel/user.h. */
#include "kernel/user.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "pv/pv.h"

/* The kernel's stack goes on below sp whenever user mode is left. */
void user_go(struct trap_frame *frame, enum user_entry entry, u64 sp)
{
    this_thread()->takers.user->sp = sp;
    pv_load_sp0(sp);
    if (entry == USER_BY_SYSRET)
        pv_sysret(frame);
    else
        pv_iret(frame);
    panic("the way to user mode returned");
}

/*
 * A trap of the kernel itself while user mode is being entered or left is the doing of the frame
 * that was to be loaded: nothing else runs between user_go and the next upcall.
 */
static void leave(struct user_state *user, struct trap_frame *frame, u64 fault_address)
{
    this_thread()->takers.user = NULL;
    user->exit.fault_address = fault_address;
    user->exit.stack = (u64)(frame + 1);
    user->exit.refused = !from_user(frame);
    *user->frame = *frame;

    trap_return_to(frame, user->saved);
    frame->cs = pv_kernel_cs();
    frame->ss = pv_kernel_ss();
    frame->rflags = 2; /* interrupts disabled */
}

static void switch_out(struct user_state *user)
{
    user->fs_base = pv_read_fs_base();
    user->gs_base = pv_read_user_gs_base();
}

static void switch_in(struct user_state *user)
{
    pv_load_sp0(user->sp);
    pv_write_fs_base(user->fs_base);
    pv_write_user_gs_base(user->gs_base);
}

struct user_exit user_run(struct trap_frame *frame, enum user_entry entry)
{
    const u64 flags = pv_save_fl();
    struct user_state user = {
        .leave = leave, .switch_out = switch_out, .switch_in = switch_in, .frame = frame};

    if (this_thread()->takers.user)
        panic("user_run inside of user_run");
    pv_irq_disable();
    this_thread()->takers.user = &user;
    user_enter(user.saved, frame, entry);
    pv_restore_fl(flags);
    return user.exit;
}
