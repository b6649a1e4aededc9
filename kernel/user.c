/* SPDX-License-Identifier: MIT */
/*
 * User mode as a call. user_run saves its own registers in a recovery point (kernel/trap.h), then
 * enters user mode by iret or sysret and does not return there: the trap that leaves user mode
 * finds the recovery point, and its frame is changed to resume in user_run.
 */
#include "kernel/user.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "pv/pv.h"
#include "pv/x86.h"

/* Written: by one test at a time, before it enters user mode. */
void (*user_left_hook)(const struct trap_frame *frame);

/* Enter user mode. The trap that leaves it gets the stack below sp, which user_enter has freed. */
void user_go(struct trap_frame *frame, enum user_entry entry, u64 sp)
{
    this_thread()->user->sp = sp;
    pv_load_sp0(sp);
    if (entry == USER_BY_SYSRET)
        pv_sysret(frame);
    else
        pv_iret(frame);
    panic("the op that enters user mode (%s) returned",
          entry == USER_BY_SYSRET ? "sysret" : "iret");
}

/*
 * Resume in user_run. If the trap is the kernel's own, iret or sysret has refused the frame,
 * because nothing else of the kernel can fault between user_go and the next callback.
 */
static void end_user_run(struct trap_handler *handler, struct trap_frame *frame, u64 fault_address)
{
    struct user_state *user = container_of(handler, struct user_state, handler);

    if (user_left_hook)
        user_left_hook(frame);
    this_thread()->user = NULL;
    user->exit.fault_address = fault_address;
    user->exit.stack = (u64)(frame + 1);
    user->exit.sp0 = user->sp;
    user->exit.refused = !from_user(frame);
    *user->frame = *frame;
    frame->rflags = RFLAGS_FIXED; /* interrupts disabled */
}

void user_switch_out(const struct thread *thread)
{
    struct user_state *user = thread->user;

    if (user) {
        user->fs_base = pv_read_fs_base();
        user->gs_base = pv_read_user_gs_base();
    }
}

void user_switch_in(const struct thread *thread)
{
    const struct user_state *user = thread->user;

    if (user) {
        pv_load_sp0(user->sp);
        pv_write_fs_base(user->fs_base);
        pv_write_user_gs_base(user->gs_base);
    } else if (thread->fs_base) {
        pv_write_fs_base(thread->fs_base);
    }
}

struct user_exit user_run(struct trap_frame *frame, enum user_entry entry)
{
    const u64 flags = pv_irq_save();
    struct user_state user = {.handler.handle = end_user_run, .frame = frame};

    if (this_thread()->user)
        panic("nested user_run");
    this_thread()->user = &user;
    trap_push(&user.handler);
    user_enter(&user.handler.regs, frame, entry);
    user_switch_in(this_thread());
    pv_restore_fl(flags);
    return user.exit;
}
