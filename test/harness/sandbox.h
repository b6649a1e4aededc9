/*
 * A small user address space for tests that go to ring 3: a page of code
 * (test/harness/user_code.S), one of data, one of stack, all below 4 GiB, for 32-bit code too.
 */
#ifndef TEST_SANDBOX_H
#define TEST_SANDBOX_H

#include "kernel/user.h"
#include "pv/pv.h"

#define SANDBOX_CODE  0x00400000ull
#define SANDBOX_DATA  0x00600000ull
#define SANDBOX_STACK 0x00800000ull
#define SANDBOX_SP    (SANDBOX_STACK + PAGE_SIZE - 64)

union sandbox_regs {
    struct trap_frame frame;
    u64 words[sizeof(struct trap_frame) / 8]; /* the first 15 are the general registers */
};

/* What goes to user mode and what came back. */
struct sandbox {
    union {
        struct trap_frame frame;
        u64 words[sizeof(struct trap_frame) / 8];
    };
    struct user_exit exit;
};
extern struct sandbox sandbox;

/* The kernel's view of a word of the data page. */
extern volatile u64 *sandbox_data;
#define SANDBOX_WORD(i) sandbox_data[i]

/* Makes and activates the space, interrupts disabled; false, with a failed expectation, if it
 * cannot. */
bool sandbox_enter(void);
void sandbox_leave(void);

/* Sets frame to enter a piece of user_code.S with cleared registers and interrupts enabled. */
void sandbox_prepare(const char *piece);
void sandbox_run(enum user_entry entry);

/* Where a piece lies in user mode. */
u64 sandbox_address(const char *piece);

extern const char user_code_start[], user_code_end[], user_code_syscall[],
    user_code_syscall_arrival[], user_code_add[], user_code_undefined[], user_code_divide[],
    user_code_breakpoint[], user_code_read[], user_code_write[], user_code_halt[],
    user_code_int80[], user_code_int81[], user_code_int17[], user_code_in[], user_code_fs[],
    user_code_gs[], user_code_flags[], user_code_stack[], user_code_spin[], user_code_store[],
    user_code_syscall32[], user_code_sysenter[], user_code_sysenter64[], user_code_sgdt[],
    user_code_spin_with_es[];

#endif
