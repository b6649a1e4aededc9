/* SPDX-License-Identifier: MIT */
/*
 * Hostile user mode: millions of random cases. A case enters user mode with registers, selectors,
 * memory and instructions that are derived from two numbers, the seed and the case's number.
 * Whatever they do, the kernel must get control back unharmed, and the outcome must be the same on
 * every backend.
 *
 *     make.c    builds the case of a seed and a number
 *     code.c    its instructions
 *     run.c     runs it, and checks the kernel afterwards
 *     noise.c   interrupts, thread switches and changes of mappings during cases, on several CPUs
 *     frames.c  random frames of the kernel itself for iret
 *     rules.c   outcomes that may differ between platforms, each with the reason
 *     hostile.c the payload run=hostile:… and the suite's sample
 *
 * Cases are grouped in blocks of HOSTILE_BLOCK. Memory is filled at the start of a block, and a
 * case may leave traces there for the following ones, unless those differ between platforms. To
 * repeat one case, repeat its block up to it. With several CPUs each runs a share of the cases, in
 * a space of its own; or all run them in one space, where they overwrite each other's code and
 * data: then only the kernel is checked.
 */
#ifndef TEST_HOSTILE_HOSTILE_H
#define TEST_HOSTILE_HOSTILE_H

#include "test/harness/sandbox.h"

#define HOSTILE_BLOCK 64
#define HOSTILE_GATE  0x80 /* the only vector that int can use, besides int3 and into */

/* The user's memory: pages of code with different neighbours, data and a stack. */
#define HOSTILE_CODE     0x00400000ull         /* two pages of code, then nothing */
#define HOSTILE_CODE_NX  0x00500000ull         /* a page of code, then one of data */
#define HOSTILE_CODE_TOP 0x00007ffffffff000ull /* the last page of the lower half */
#define HOSTILE_DATA     0x00600000ull
#define HOSTILE_STACK    0x00800000ull
#define HOSTILE_SP       (HOSTILE_STACK + 0x800)
#define HOSTILE_SCRATCH \
    0x40000000ull /* pages that noise.c maps and unmaps, far from those of cases */

/* The position of the instructions in a page. */
enum hostile_place {
    PLACE_MIDDLE,      /* in the middle of a page */
    PLACE_CROSSING,    /* across two pages of code */
    PLACE_END,         /* the last instruction ends with the page, before an absent one */
    PLACE_INTO_ABSENT, /* the last instruction reaches into a page that is absent */
    PLACE_INTO_NX,     /* the same, with a page that is not executable */
    PLACE_TOP,         /* the last instruction ends with the lower half */
    NR_PLACES,
};

#define HOSTILE_BYTES_MAX 40
#define HOSTILE_WORDS     6

struct hostile_code {
    u8 bytes[HOSTILE_BYTES_MAX];
    u32 length;
    u32 last;          /* offset of the last instruction */
    const char *name;  /* of the last instruction */
    bool changes_none; /* it traps before it changes a register */
    bool is_far;       /* may be a far call or return, iret or enter */
    bool is_volatile;  /* may read a value that changes, or differs between platforms */
};

struct hostile_case {
    u64 seed, number;
    struct trap_frame frame; /* as user mode is entered */
    enum user_entry entry;
    bool is_32bit;
    u64 fs_base, gs_base;
    u64 words[HOSTILE_WORDS]; /* at rsp, if that is the usual stack pointer */
    u64 start;                /* the address of the code's first byte */
    enum hostile_place place;
    struct hostile_code code;
};

/* The outcome of a case. */
struct hostile_outcome {
    struct trap_frame frame; /* as user mode was left */
    u64 fault_address;
    u64 stack;             /* top of the kernel's stack as set by load_sp0 */
    bool refused, stopped; /* the frame could not be loaded; a timer ended the case */
    u16 ds, es, fs, gs;
};

/* A splitmix64 generator: its numbers follow from the first state. */
struct hostile_random {
    u64 state;
};
u64 hostile_next(struct hostile_random *random);
u32 hostile_below(struct hostile_random *random, u32 n);
u64 hostile_value(struct hostile_random *random);
u16 hostile_selector(struct hostile_random *random);
u64 hostile_code_address(struct hostile_random *random);

/* code.c: make instructions that end with one of the table; rax may become a selector. */
void hostile_make_code(struct hostile_random *random, struct hostile_code *code, bool is_32bit);

/*
 * The code may be entered in the middle of an instruction, or an operand may absorb the next one's
 * first byte, so treat each of its bytes as a possible opcode.
 */
void hostile_enter_anywhere(struct hostile_code *code);

/* make.c */
void hostile_make_case(u64 seed, u64 number, struct hostile_case *c);
void hostile_fill(u64 seed, u64 number, u64 *data, u64 *stack);

/*
 * rules.c: return a hash of the outcome, normalized where platforms may differ; 0 if it must not be
 * compared. *rule is the name of the last rule that applied, or NULL.
 */
u64 hostile_digest(const struct hostile_case *c, const struct hostile_outcome *o,
                   const char **rule);
void hostile_print_rules(void);

/* Return whether the emulator may have pushed arbitrary flags. */
bool hostile_flags_are_lost(const struct hostile_case *c, const struct hostile_outcome *o);

/*
 * Return the vector of the exception that iret raises for the selectors of a user's frame with RPL
 * 3, and its error code; 0 if it accepts them.
 */
u32 hostile_iret_refuses(const struct trap_frame *frame, u64 *error);
void hostile_drop_upper_halves(union sandbox_regs *regs);

/*
 * run.c: return the descriptor that user mode gets for a selector of RPL 3; 0 for one that it
 * cannot use or that does not exist.
 */
u64 hostile_descriptor(u16 selector);

/*
 * hostile_make creates the space of a CPU's cases, its own or that of CPU 0. hostile_begin prepares
 * the calling thread, which is bound to that CPU, to run cases with interrupts disabled;
 * hostile_end ends that. hostile_free frees the space when no CPU runs cases any more.
 */
bool hostile_make(u32 cpu, bool shared);
void hostile_free(u32 cpu);
void hostile_begin(void);
void hostile_end(void);
struct mm_space *hostile_space(u32 cpu);
void hostile_run(const struct hostile_case *c, struct hostile_outcome *o);

/* Fill memory before the next case, because the traces of this one differ between platforms. */
void hostile_refill(void);
extern u64 hostile_failures; /* cases that harmed the kernel */

/* frames.c: run `count` random frames of the kernel; return how many could be loaded. */
u64 hostile_run_frames(u64 seed, u64 first, u64 count);

/*
 * noise.c: disturb the first nr_cpus CPUs between begin and end; end returns the count of each
 * disturbance.
 */
struct hostile_noise {
    u64 timers, calls, nmis, changes; /* of mappings */
};
void hostile_noise_begin(u32 nr_cpus, bool shared);
struct hostile_noise hostile_noise_end(void);

/* hostile.c */
void hostile_print(const struct hostile_case *c, const struct hostile_outcome *o);

#endif
