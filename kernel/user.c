/* See kernel/user.h. */
#include "kernel/user.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "pv/pv.h"

/* Written: by one test at a time, before it enters user mode. */
void (*user_left_hook)(const struct trap_frame *frame);

/* The kernel's stack goes on below sp whenever user mode is left. */
void user_go(struct trap_frame *frame, enum user_entry entry, u64 sp)
{
    this_thread()->user->sp = sp;
    pv_load_sp0(sp);
    if (entry == USER_BY_SYSRET)
        pv_sysret(frame);
    else
        pv_iret(frame);
    panic("the way to user mode returned");
}

/*
 * A trap of the kernel itself while user mode is being entered or left is the doing of the frame
 * that was to be loaded: nothing else runs between user_go and the next callback.
 */
static void end_user_run(struct trap_handler *taker, struct trap_frame *frame, u64 fault_address)
{
    struct user_state *user = (struct user_state *)taker;

    if (user_left_hook)
        user_left_hook(frame);
    this_thread()->user = NULL;
    this_thread()->on_switch = user->caller_on_switch;
    user->exit.fault_address = fault_address;
    user->exit.stack = (u64)(frame + 1);
    user->exit.sp0 = user->sp;
    user->exit.refused = !from_user(frame);
    *user->frame = *frame;
    frame->rflags = 2; /* interrupts disabled */
}

static void on_switch(struct thread *thread, bool has_come)
{
    struct user_state *user = thread->user;

    if (!has_come) {
        user->fs_base = pv_read_fs_base();
        user->gs_base = pv_read_user_gs_base();
        return;
    }
    pv_load_sp0(user->sp);
    pv_write_fs_base(user->fs_base);
    pv_write_user_gs_base(user->gs_base);
}

struct user_exit user_run(struct trap_frame *frame, enum user_entry entry)
{
    const u64 flags = pv_irq_save();
    struct user_state user = {
        .taker.take = end_user_run, .frame = frame, .caller_on_switch = this_thread()->on_switch};

    if (this_thread()->user)
        panic("user_run inside of user_run");
    this_thread()->user = &user;
    this_thread()->on_switch = on_switch;
    trap_push(&user.taker);
    user_enter(user.taker.saved, frame, entry);
    if (user.caller_on_switch)
        user.caller_on_switch(this_thread(), true);
    pv_restore_fl(flags);
    return user.exit;
}
