/* See test/step.h. */
#include "test/step.h"
#include "kernel/thread.h"
#include "pv/x86.h"

#define OPCODE_HLT 0xf4

void step_detour(void); /* step.S */
extern u64 step_return;
u64 step_return;

static struct steps *stepping; /* Written: by the test that steps, before and after it does. */

static bool on_step(struct trap_frame *frame)
{
    struct steps *s = stepping;

    if (!s->over && s->returned)
        s->returned = false;
    else if (!s->over && *(const u8 *)frame->rip != OPCODE_HLT) {
        s->between(s, frame);
        s->count++;
    } else
        s->over = true;
    if (s->over)
        frame->rflags &= ~RFLAGS_TF;
    return true;
}

void set_trap_flag(u64 or, u64 and)
{
    __asm__ volatile("pushfq\n\t"
                     "orq %0, (%%rsp)\n\t"
                     "andq %1, (%%rsp)\n\t"
                     "popfq"
                     :
                     : "r"(or), "r"(and)
                     : "memory", "cc");
}

void step_through(struct steps *steps, void (*run)(void *arg), void *arg)
{
    steps->count = 0;
    steps->over = steps->returned = false;
    stepping = steps;
    debug_hook = on_step;
    set_trap_flag(RFLAGS_TF, ~0ull);
    run(arg);
    set_trap_flag(0, ~RFLAGS_TF);
    debug_hook = NULL;
}

bool step_may_lock(const struct spinlock *lock)
{
    return READ_ONCE(lock->head) == READ_ONCE(lock->tail);
}

bool step_may_yield(const struct trap_frame *frame)
{
    return frame->rflags & PV_FLAG_IF && !this_cpu()->area.spinlocks && !this_cpu()->irq_frame;
}

/* The detour returns to the instruction that was to come, with RFLAGS.TF set again. */
void step_yield(struct steps *steps, struct trap_frame *frame)
{
    step_return = frame->rip;
    frame->rip = (u64)step_detour;
    frame->rflags &= ~RFLAGS_TF;
    steps->returned = true;
}
