/* SPDX-License-Identifier: MIT */
/* Stepping by RFLAGS.TF and by breakpoints: see test/harness/step.h. */
#include "test/harness/step.h"
#include "kernel/thread.h"
#include "pv/x86.h"
#include "test/harness/test.h"

#define OPCODE_HLT 0xf4

void step_detour(void); /* test/harness/step.S */
extern u64 step_return;
u64 step_return;

static struct steps *stepping; /* Written: by the test that steps, before and after it does. */

static bool on_step(struct trap_frame *frame)
{
    struct steps *s = stepping;

    if (!s->over && s->returned)
        s->returned = false;
    else if (!s->over && !from_user(frame) && *(const u8 *)frame->rip != OPCODE_HLT) {
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

static bool on_entry(struct trap_frame *frame)
{
    pv_set_debugreg(7, DR7_FIXED);
    pv_set_debugreg(6, DR6_FIXED);
    debug_hook = on_step;
    frame->rflags |= RFLAGS_TF;
    return on_step(frame);
}

static trap_hook *hook_in_run; /* of run_with_breakpoint, while it runs run; else NULL */

/* The function at the breakpoint may also be called before run is: pass those hits. */
static bool on_breakpoint(struct trap_frame *frame)
{
    trap_hook *const hook = READ_ONCE(hook_in_run);

    if (hook)
        return hook(frame);
    pv_set_debugreg(6, DR6_FIXED);
    frame->rflags |= RFLAGS_RF;
    return true;
}

/* Run run(arg) with a breakpoint at address; hook handles its hits. */
static void run_with_breakpoint(u64 address, trap_hook *hook, void (*run)(void *arg), void *arg)
{
    debug_hook = on_breakpoint;
    INTERRUPTS_OFF
    {
        pv_set_debugreg(0, address);
        pv_set_debugreg(7, DR7_ENABLE(0) | DR7_EXECUTE(0));
    }
    WRITE_ONCE(hook_in_run, hook);
    run(arg);
    WRITE_ONCE(hook_in_run, NULL);
    INTERRUPTS_OFF
    pv_set_debugreg(7, DR7_FIXED);
    debug_hook = NULL;
}

void step_through_interrupt(struct steps *steps, void (*run)(void *arg), void *arg)
{
    steps->count = 0;
    steps->over = steps->returned = false;
    stepping = steps;
    run_with_breakpoint((u64)pv_vector_entry, on_entry, run, arg);
}

/*
 * step_act_at_each steps through one run and records its instructions. Each later round uses one
 * breakpoint instead, because a step costs much where a hypervisor handles each debug exception
 * first. A loop executes an instruction several times, so the breakpoint passes as many hits as the
 * recorded run had at that point.
 *
 * A breakpoint must not be in code that also runs between the debug exception and its handler. That
 * excludes the path of an interrupt, which is therefore stepped again in each round, and
 * __fentry__, the check of the stack at the start of every function, which is left out.
 */
enum {
    PATH_MAX = 1024,
    STACK_CHECK_BYTES = 64,
};
#define ROUNDS_NS NS_PER_S /* limit of all rounds together, without soak= */

void __fentry__(void);

static struct instruction {
    u64 rip;
    u32 before;  /* steps before it */
    u32 repeats; /* how many of these were at the same address */
} path[PATH_MAX];
static u32 path_length;

static struct race *racing; /* Written: by step_act_at_each. */
static u32 skips;           /* steps, or hits of the breakpoint, before act is called */

static void record_step(struct steps *steps, struct trap_frame *frame)
{
    u32 repeats = 0;

    if (frame->rip - (u64)__fentry__ < STACK_CHECK_BYTES)
        return;
    for (u32 i = 0; i < path_length; i++)
        repeats += path[i].rip == frame->rip;
    if (path_length < PATH_MAX)
        path[path_length++] = (struct instruction){frame->rip, steps->count, repeats};
}

static void act_on_step(struct steps *steps, struct trap_frame *frame)
{
    if (steps->count < skips || READ_ONCE(racing->hold))
        return;
    steps->over = true;
    racing->acted++;
    racing->act(frame);
}

/* If race.hold defers the act, a later step calls it. */
static bool on_hit(struct trap_frame *frame)
{
    pv_set_debugreg(6, DR6_FIXED);
    frame->rflags |= RFLAGS_RF;
    if (skips) {
        skips--;
        return true;
    }
    pv_set_debugreg(7, DR7_FIXED);
    debug_hook = on_step;
    frame->rflags |= RFLAGS_TF;
    return on_step(frame);
}

static void run_race_round(struct race *race, const struct instruction *at)
{
    struct steps steps = {.between = act_on_step};

    if (race->interrupt) {
        skips = at->before;
        step_through_interrupt(&steps, race->run, NULL);
    } else {
        skips = at->repeats;
        stepping = &steps;
        run_with_breakpoint(at->rip, on_hit, race->run, NULL);
    }
}

static void record_path(struct race *race)
{
    struct steps steps = {.between = record_step};

    path_length = 0;
    race->prepare();
    (race->interrupt ? step_through_interrupt : step_through)(&steps, race->run, NULL);
    race->check();
}

/*
 * Return the number of the next round; skip rounds if they took a larger share of the time than of
 * the instructions.
 */
static u32 next_round(const struct race *race, u64 begin)
{
    const u64 limit = soak_share_ns ? soak_share_ns : ROUNDS_NS;

    return MAX(race->round + 1, (u32)((pv_clock_ns() - begin) * path_length / limit));
}

void step_act_at_each(struct race *race, u32 least)
{
    const u64 begin = pv_clock_ns();
    u32 rounds = 0;

    racing = race;
    race->round = race->acted = 0;
    record_path(race);
    EXPECT(path_length >= least && path_length < PATH_MAX);
    for (; race->round < path_length; race->round = next_round(race, begin)) {
        race->prepare();
        run_race_round(race, &path[race->round]);
        race->check();
        rounds++;
    }
    print("# %u times in %u rounds, of %u instructions\n", race->acted, rounds, path_length);
    EXPECT(race->acted >= rounds / 2);
}

bool step_may_lock(const struct spinlock *lock)
{
    return READ_ONCE(lock->head) == READ_ONCE(lock->tail);
}

bool step_may_yield(const struct trap_frame *frame)
{
    return frame->rflags & PV_FLAG_IF && frame->rflags & RFLAGS_TF && !this_cpu()->area.spinlocks &&
           !this_cpu()->irq_frame;
}

/*
 * The detour (test/harness/step.S) returns to the interrupted instruction with RFLAGS.TF set again.
 */
void step_yield(struct steps *steps, struct trap_frame *frame)
{
    step_return = frame->rip;
    frame->rip = (u64)step_detour;
    frame->rflags &= ~RFLAGS_TF;
    steps->returned = true;
}
