/*
 * Hostile user mode, by the million: a case is user mode entered with registers, selectors, memory
 * and instructions made from two numbers, the seed and the case's own. Whatever they do, the kernel
 * must come back unharmed, and the outcome must be the same on every backend.
 *
 *     make.c    the case of a seed and a number
 *     code.c    its instructions
 *     run.c     runs it, and checks the kernel afterwards
 *     noise.c   interrupts, switches and changes of mappings meanwhile, on several CPUs
 *     frames.c  random frames of the kernel's own for iret
 *     rules.c   outcomes that may differ between platforms, each with the reason
 *     hostile.c the payload run=hostile:… and the suite's sample
 *
 * Cases come in blocks of HOSTILE_BLOCK: memory is filled at the beginning of a block, and a case
 * may leave its traces there for the next ones, unless they are not the same everywhere. To repeat
 * one case is to repeat its block up to it. With several CPUs each runs a share of the cases, in a
 * space of its own; or all run them in one space, where they overwrite each other's code and data:
 * then only the kernel is checked.
 */
#ifndef TEST_HOSTILE_H
#define TEST_HOSTILE_H

#include "test/harness/sandbox.h"

#define HOSTILE_BLOCK 64
#define HOSTILE_GATE  0x80 /* the one vector that int reaches, but for int3 and into */

/* The user's memory: pages of code with different neighbours, data and a stack. */
#define HOSTILE_CODE     0x00400000ull         /* two pages of code, then nothing */
#define HOSTILE_CODE_NX  0x00500000ull         /* a page of code, then one of data */
#define HOSTILE_CODE_TOP 0x00007ffffffff000ull /* the last page of the lower half */
#define HOSTILE_DATA     0x00600000ull
#define HOSTILE_STACK    0x00800000ull
#define HOSTILE_SP       (HOSTILE_STACK + 0x800)
#define HOSTILE_SCRATCH  0x40000000ull /* pages that come and go, far from what cases use */

/* Where the instructions are. */
enum hostile_place {
    PLACE_MIDDLE,      /* of a page */
    PLACE_CROSSING,    /* from one page of code to the next */
    PLACE_END,         /* the last instruction ends with the page, and nothing follows */
    PLACE_INTO_ABSENT, /* the last instruction reaches into a page that is absent */
    PLACE_INTO_NX,     /* the same, a page that is not executable */
    PLACE_TOP,         /* the last instruction ends with the lower half */
    NR_PLACES,
};

#define HOSTILE_BYTES_MAX 40
#define HOSTILE_WORDS     6

struct hostile_code {
    u8 bytes[HOSTILE_BYTES_MAX];
    u32 length;
    u32 last;          /* offset of the last instruction */
    const char *name;  /* of what that is */
    bool changes_none; /* it traps at once, so that every register is as it was */
    bool is_far;       /* it may be a far call or return, iret or enter */
    bool is_volatile;  /* it may read what is not the same twice, or not everywhere */
};

struct hostile_case {
    u64 seed, number;
    struct trap_frame frame; /* as user mode is entered */
    enum user_entry entry;
    bool is_32bit;
    u64 fs_base, gs_base;
    u64 words[HOSTILE_WORDS]; /* at rsp, where that is the usual one */
    u64 start;                /* the address of the code's first byte */
    enum hostile_place place;
    struct hostile_code code;
};

/* What became of it. */
struct hostile_outcome {
    struct trap_frame frame; /* as user mode was left */
    u64 fault_address;
    u64 stack;             /* where load_sp0 has said that the kernel's stack begins */
    bool refused, stopped; /* the frame could not be loaded; it ran until a timer ended it */
    u16 ds, es, fs, gs;
};

/* Numbers that follow from a first one (splitmix64). */
struct hostile_random {
    u64 state;
};
u64 hostile_next(struct hostile_random *random);
u32 hostile_below(struct hostile_random *random, u32 n);
u64 hostile_value(struct hostile_random *random);
u16 hostile_selector(struct hostile_random *random);
u64 hostile_code_address(struct hostile_random *random);

/* code.c: instructions that end with one of the table; rax may become a selector. */
void hostile_make_code(struct hostile_random *random, struct hostile_code *code, bool is_32bit);

/*
 * The code may be entered in the midst of an instruction, or an operand may take the next one's
 * first byte: any of its bytes may be an opcode.
 */
void hostile_enter_anywhere(struct hostile_code *code);

/* make.c */
void hostile_make_case(u64 seed, u64 number, struct hostile_case *c);
void hostile_fill(u64 seed, u64 number, u64 *data, u64 *stack);

/*
 * rules.c: a hash of the outcome, made alike where it may differ; 0 if it is not to be
 * compared. rule becomes the name of the last rule that applied, or NULL.
 */
u64 hostile_digest(const struct hostile_case *c, const struct hostile_outcome *o,
                   const char **rule);
void hostile_print_rules(void);

/* May the emulator have pushed anything for the flags? */
bool hostile_flags_are_lost(const struct hostile_case *c, const struct hostile_outcome *o);

/*
 * The vector of the exception that iret raises for the selectors of a user's frame, with RPL 3, and
 * its error code; 0 if it takes them.
 */
u32 hostile_iret_refuses(const struct trap_frame *frame, u64 *error);
void hostile_drop_upper_halves(union sandbox_regs *regs);

/*
 * run.c: the descriptor that user mode finds for a selector of RPL 3; 0 for one that it may
 * not use, or that does not exist.
 */
u64 hostile_descriptor(u16 selector);

/*
 * hostile_make makes the space of a CPU's cases, its own or that of CPU 0; hostile_free, when no
 * CPU runs cases any more, frees it. In between hostile_begin makes the thread, which is bound to
 * that CPU, ready for cases, with interrupts disabled, and hostile_end ends that.
 */
bool hostile_make(u32 cpu, bool shared);
void hostile_free(u32 cpu);
void hostile_begin(void);
void hostile_end(void);
struct mm_space *hostile_space(u32 cpu);
void hostile_run(const struct hostile_case *c, struct hostile_outcome *o);

/* Fill memory before the next case: what this one left there is not the same on every platform. */
void hostile_refill(void);
extern u64 hostile_failures; /* cases after which the kernel was not as it must be */

/* frames.c: so many random frames of the kernel's; returns how many could be loaded. */
u64 hostile_run_frames(u64 seed, u64 first, u64 count);

/* noise.c: from begin to end the first CPUs are disturbed; returns how often by what. */
struct hostile_noise {
    u64 timers, calls, nmis, changes; /* of mappings */
};
void hostile_noise_begin(u32 nr_cpus, bool shared);
struct hostile_noise hostile_noise_end(void);

/* hostile.c */
void hostile_print(const struct hostile_case *c, const struct hostile_outcome *o);

#endif
