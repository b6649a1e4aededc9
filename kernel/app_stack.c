/* SPDX-License-Identifier: MIT */
/*
 * The stack of a program's main(): it grows down in a range of addresses of its own, up to the
 * size that stack= gives.
 *
 * A page fault cannot make it grow, because the CPU, or Xen, pushes the frame of the fault onto the
 * same stack. The program's stack checks do (tools/build/stack_checks.py): one that finds too
 * little left calls app_stack_grow, through kernel/app_stack_check.S, before the stack is used. A
 * stack that may still grow has a higher limit, because libc's functions have no check.
 */
#include "kernel/app.h"
#include "kernel/kernel.h"
#include "kernel/console.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "lib/address_map.h"
#include "mm/frame.h"
#include "mm/space.h"

#define STACK_DEFAULT MIB(8) /* as on Linux */
#define STACK_MIN     KIB(64)
#define STACK_MAX     GIB(1)

#define GROW_STEP KIB(256)

/* As long as the stack may grow, this much more than APP_STACK_RESERVE is left to libc. */
#define GROW_BEFORE KIB(32)

/* The highest address, below an unmapped page. */
#define STACK_TOP (TEST_AREA_BASE - PAGE_SIZE)

/* Where it may end, and where it ends now. Written: by main()'s thread. */
static u64 lowest, base;

/* Return how often a size's unit is counted by its letter, or 0. */
static u64 unit_of(const char *letter)
{
    if (!*letter)
        return 1;
    return letter[1] ? 0 : *letter == 'K' ? KIB(1) : *letter == 'M' ? MIB(1) : 0;
}

/* Return the most bytes that the stack may have, as stack= gives them: digits, and K or M. */
static u64 size_most(void)
{
    const char *c = cmdline.stack;
    u64 size = 0;

    if (!*c)
        return STACK_DEFAULT;
    for (; *c >= '0' && *c <= '9' && size < STACK_MAX; c++)
        size = size * 10 + (u64)(*c - '0');
    size = size > STACK_MAX ? 0 : size * unit_of(c);
    if (size < STACK_MIN || size > STACK_MAX)
        finish(VERDICT_ERROR, "stack=%s: the value must be 64K to 1024M", cmdline.stack);
    return ALIGN_UP(size, PAGE_SIZE);
}

/* Map the stack down to an address. Return false without memory. */
static bool extend_to(u64 new_base)
{
    const u64 pages = (base - new_base) >> PAGE_SHIFT;

    if (pages + FRAMES_FOR_KERNEL > frames_free() ||
        mm_populate(&mm_kernel, new_base, pages, MM_WRITE))
        return false;
    base = new_base;
    return true;
}

u64 app_stack_create(void)
{
    _Static_assert(APP_STACK_INITIAL <= STACK_MIN && STACK_TOP - STACK_MAX > PROGRAM_STACK_BASE,
                   "the range has room for every size");
    base = STACK_TOP;
    lowest = STACK_TOP - size_most();
    if (!extend_to(STACK_TOP - APP_STACK_INITIAL))
        finish(VERDICT_ERROR, "no memory for a stack for program %s", payload_argument);
    return base;
}

u64 app_stack_program_limit(u64 stack)
{
    const bool may_grow = stack == base && base > lowest;

    return stack + APP_STACK_RESERVE + (may_grow ? GROW_BEFORE : 0);
}

/* Map the stack below an address and a step further, or no further if memory is short. */
static bool grow_below(u64 least)
{
    const u64 wanted = MIN(least, base);

    if (extend_to(MAX(lowest, wanted - GROW_STEP)) || wanted == base)
        return true;
    if (extend_to(wanted))
        return true;
    print("app: no memory for more than %llu KiB of main()'s stack, which may have %llu\n",
          (unsigned long long)((STACK_TOP - base) / KIB(1)),
          (unsigned long long)((STACK_TOP - lowest) / KIB(1)));
    return false;
}

/*
 * For kernel/app_stack_check.S: make main()'s stack reach below sp, where a function of the program
 * is about to use it. Return false if it cannot, or if the thread is on another stack.
 */
bool app_stack_grow(u64 sp);
bool app_stack_grow(u64 sp)
{
    struct thread *t = this_thread();
    const u64 least = ALIGN_DOWN(sp - APP_STACK_RESERVE, PAGE_SIZE);

    if (t->program_stack_limit != app_stack_program_limit(base) || least < lowest || least > sp)
        return false;
    if (base == lowest || !grow_below(least))
        return false;
    app_set_stack_limits(base + STACK_RESERVE, app_stack_program_limit(base));
    t->signal.stack_limit = t->stack_limit;
    t->signal.program_stack_limit = t->program_stack_limit;
    return true;
}
