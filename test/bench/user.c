/* SPDX-License-Identifier: MIT */
/*
 * Costs of user mode: enter one page of code in an address space of its own, and leave it. Part of
 * the payload "bench" (test/bench/bench.h).
 */
#include "kernel/user.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/space.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/bench/bench.h"
#include "test/harness/mm_util.h"

/*
 * Three pieces of code: one makes system calls in a loop, one is an undefined instruction, one
 * reads an unmapped address.
 */
static const u8 code[] = {0x0f, 0x05, 0xeb, 0xfc,  /* 1: syscall; jmp 1b */
                          0x0f, 0x0b,              /* ud2 */
                          0x31, 0xc0, 0x8b, 0x00}; /* xorl %eax, %eax; movl (%rax), %eax */
#define CALLER    USER_VA
#define UNDEFINED (USER_VA + 4)
#define READER    (USER_VA + 6)

static struct mm_space space;
static struct trap_frame frame;
static enum user_entry entry;

static bool make_user_space(void)
{
    static bool made;
    const pfn_t page = made ? PFN_INVALID : frame_alloc(0, FRAME_ZEROED, FRAME_USER);

    if (made)
        return true;
    if (page.n == NO_PFN || mm_space_create(&space))
        return false;
    memcpy(pfn_to_va(page), code, sizeof(code));
    made = mm_map(&space, USER_VA, page, 1, MM_EXEC) == 0;
    return made;
}

static void round_trips(u32 count)
{
    const u64 rip = frame.rip;

    for (; count; count--) {
        user_run(&frame, entry);
        if (frame.vector != VECTOR_SYSCALL)
            frame.rip = rip;
    }
}

/* Enter user mode at rip in this way, and expect to come back by that vector. */
static u64 user_mode(u64 rip, enum user_entry by, u64 vector)
{
    u64 ticks;

    if (!make_user_space() || mm_space_activate(&space))
        return bench_none("no memory");
    frame = (struct trap_frame){
        .rip = rip, .cs = USER_CS, .rflags = RFLAGS_FIXED, .rsp = USER_VA, .ss = USER_DS};
    entry = by;
    ticks = bench_per_call(round_trips);
    if (mm_space_activate(&mm_kernel))
        return bench_none("the kernel's space cannot be left");
    return frame.vector == vector ? ticks : bench_none("user mode ended by another vector");
}

BENCH(user, syscall_by_sysret, "ticks")
{
    return user_mode(CALLER, USER_BY_SYSRET, VECTOR_SYSCALL);
}

BENCH(user, syscall_by_iret, "ticks")
{
    return user_mode(CALLER, USER_BY_IRET, VECTOR_SYSCALL);
}

BENCH(user, exception_by_iret, "ticks")
{
    return user_mode(UNDEFINED, USER_BY_IRET, VECTOR_UD);
}

BENCH(user, page_fault_by_iret, "ticks")
{
    return user_mode(READER, USER_BY_IRET, VECTOR_PF);
}
