/* SPDX-License-Identifier: MIT */
/*
 * A small user address space for tests that enter ring 3: one page of code
 * (test/harness/user_code.S), one of data and one of stack, all below 4 GiB so that 32-bit code can
 * use them. A test calls sandbox_enter, then for each piece sandbox_prepare and sandbox_run, which
 * returns when the piece raises an exception or makes a system call, and at the end sandbox_leave.
 */
#ifndef TEST_HARNESS_SANDBOX_H
#define TEST_HARNESS_SANDBOX_H

#include "kernel/user.h"
#include "pv/pv.h"

#define SANDBOX_CODE  0x00400000ull
#define SANDBOX_DATA  0x00600000ull
#define SANDBOX_STACK 0x00800000ull
#define NON_CANONICAL 0x0000900000000000 /* an address that no mapping can have */
#define SANDBOX_SP    (SANDBOX_STACK + PAGE_SIZE - 64)

union sandbox_regs {
    struct trap_frame frame;
    u64 words[sizeof(struct trap_frame) / 8]; /* the first 15 are the general registers */
};

/* The frame with which sandbox_run enters user mode, and the frame that it came back with. */
struct sandbox {
    union {
        struct trap_frame frame;
        u64 words[sizeof(struct trap_frame) / 8];
    };
    struct user_exit exit;
};
extern struct sandbox sandbox;

/* The data page as the kernel sees it, in words of 8 bytes. */
extern volatile u64 *sandbox_data;
#define SANDBOX_WORD(i) sandbox_data[i]

/*
 * Create and activate the space, and disable interrupts. Return false, with a failed expectation,
 * if that fails.
 */
bool sandbox_enter(void);
void sandbox_leave(void);

/*
 * Set sandbox.frame to enter a piece of user_code.S with cleared registers and interrupts enabled.
 */
void sandbox_prepare(const char *piece);
void sandbox_run(enum user_entry entry);

/* Return the address of a piece in the user address space. */
u64 sandbox_address(const char *piece);

/*
 * Enter a piece of user_code.S by iret with these two arguments, and expect to come back from user
 * mode by that vector. The including file needs test/harness/test.h.
 */
#define RUN_PIECE(piece, rdi_, rsi_, vector_) \
    ({ \
        sandbox_prepare(user_code_##piece); \
        sandbox.frame.rdi = (u64)(rdi_); \
        sandbox.frame.rsi = (u64)(rsi_); \
        sandbox_run(USER_BY_IRET); \
        EXPECT_EQ(sandbox.frame.vector, vector_); \
        EXPECT(!sandbox.exit.refused); \
        EXPECT(from_user(&sandbox.frame)); \
    })

/* Enter the sandbox, or end the test. */
#define IN_SANDBOX \
    if (!sandbox_enter()) \
    return

extern const char user_code_start[], user_code_end[], user_code_syscall[],
    user_code_syscall_arrival[], user_code_add[], user_code_undefined[], user_code_divide[],
    user_code_breakpoint[], user_code_read[], user_code_write[], user_code_halt[],
    user_code_int80[], user_code_int81[], user_code_int17[], user_code_in[], user_code_fs[],
    user_code_gs[], user_code_flags[], user_code_stack[], user_code_spin[], user_code_store[],
    user_code_syscall32[], user_code_sysenter[], user_code_sysenter64[], user_code_sgdt[],
    user_code_spin_with_es[];

#endif
