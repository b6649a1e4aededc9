/* SPDX-License-Identifier: MIT */
/*
 * The monitor, the payload "shell": a person calls ops from the console and sees what each returns,
 * what it costs and which hypercalls it makes. docs/shell.md explains how to use it.
 *
 * shell.c reads lines and finds commands; the other files of this folder, and repro/kit/shell.c,
 * each register some. A command gets its words, and prints its answer. The boot thread runs them,
 * on CPU 0.
 *
 * What a line must not do. Whatever is typed, the kernel survives it, with one exception that the
 * person has confirmed by the word "really". rules.c has the ops that end or break the machine with
 * some arguments, and the reason for each; a command refuses such a call with that reason. All
 * others are called inside PV_TRY, with pv_panic caught (try.c), and state that the kernel relies
 * on is restored after each (repair.c). ./run.sh shell --fuzz calls them with random arguments.
 */
#ifndef TEST_SHELL_SHELL_H
#define TEST_SHELL_SHELL_H

#include "kernel/console.h"
#include "kernel/trap.h"
#include "lib/named.h"
#include "pv/pv.h"
#include "test/shell/signature.h"
#include "test/shell/words.h"

/* ---- Commands ------------------------------------------------------------------------------- */

struct shell_command {
    struct named named;
    const char *usage; /* the arguments: "ADDRESS [COUNT]" */
    const char *help;  /* one line */
    /* words->word[0] is the command's name; really: the person has confirmed */
    void (*run)(struct words *words, bool really);
};

#define SHELL_COMMAND(ident, usage, help) \
    static void run_##ident(struct words *words, bool really); \
    static const struct shell_command shell_command_##ident __used __section( \
        ".shell_commands." #ident) __aligned(8) = {{#ident}, usage, help, run_##ident}; \
    static void run_##ident(__unused struct words *words, __unused bool really)

extern const struct shell_command _shell_commands_start[], _shell_commands_end[];

/* Run one command line, which may have several commands; it is changed. Return false to leave. */
bool shell_line(char *line);

/* Run the words from the first one on as a command. */
void shell_nested(struct words *words, u32 first, bool really);

/* Print what is wrong; the line's other commands are not run. */
void shell_error(const char *fmt, ...) __printf(1, 2);

/* Refuse what the kernel would not survive, unless really. Return whether it is refused. */
bool shell_refuses(bool really, const char *reason);

/* Evaluate a word, and print an error if it has no value. shell_number: with upper limit. */
bool shell_value(const char *word, u64 *value);
bool shell_number(const char *word, const char *what, u64 most, u64 *value);

/* Give $NAME a value. */
void shell_set(const char *name, u64 value);

/* ---- Memory: memory.c ----------------------------------------------------------------------- */

enum {
    SHELL_BUFFERS = 8,        /* &a to &h, a page each */
    SHELL_BUFFER_FREE = 1024, /* a pointer to a buffer has so many bytes after it at least */
    SHELL_PAGES = 4,          /* from $page on: pages that the monitor's ops may map otherwise */
};
extern u8 (*shell_buffers)[PAGE_SIZE];

/* Return how many bytes of the buffer follow this address; 0 if it is not in a buffer. */
u64 shell_buffer_room(u64 address);

/* The pages to try page-table ops on: their addresses, their frames, their entries of level 1. */
extern struct shell_pages {
    u64 va;
    pfn_t pfn;
    pte_t *slot;
} shell_pages;

/* Allocate the buffers and the pages. Return false without memory. */
bool shell_memory_init(void);

/* ---- Calls: try.c, repair.c, call.c, rules.c ------------------------------------------------- */

/* What ended a piece of code that was run on trial. */
struct shell_trial {
    struct fault fault;
    char panic[128]; /* of pv_panic: "op: what"; else "" */
    u32 spinlocks;   /* that the code still held */
};

/* Run fn(arg). Return true if it returned; else *t says why not. Keeps the interrupt flag. */
bool shell_try(struct shell_trial *t, void (*fn)(void *arg), void *arg);
void shell_print_trial(const struct shell_trial *t);

/* A call of an op. */
struct shell_call {
    u32 op;
    u64 args[SIGNATURE_PARAMS_MAX];
    u64 result;
    u64 ticks;
    u64 flags; /* save_fl at its end */
};

/* An op as the contract has it. */
struct shell_op {
    const char *name, *returns, *params;
    u32 rules;         /* PV_CONTEXT */
    bool is_status;    /* PV_STATUS: a negative result is an error number */
    bool is_unchecked; /* PV_UNCHECKED: no C function can replace it */
};
extern const struct shell_op shell_ops[PV_NR_OPS];

/* The words of PV_CONTEXT that the monitor reads. */
enum {
    PV_ANY = 0,
    PV_NOT_NMI = 0,
    PV_THREAD = 0,
    PV_MIGRATABLE = 1 << 0,
    PV_BOUND = 1 << 1,
    PV_NOT_PREEMPTIBLE = 0,
    PV_IRQS_OFF = 0,
    PV_IRQS_ON = 1 << 2,
    PV_SETS_IF = 1 << 3,
    PV_UNCHECKED = 1 << 4,
};

/* Return the number of the op of this name, with or without "pv_"; PV_NR_OPS for another name. */
u32 shell_find_op(const char *name);
void shell_signature(u32 op, struct signature *s, struct signature_type *result);

/* Call the op that words name, with the arguments in words, and print what comes of it. */
void shell_call_op(u32 op, const struct words *words, bool really);

/* Return the unit of a cost: "ticks" of the TSC, or "instructions" if the emulator counts these. */
const char *shell_cost_unit(u64 cost);

/* Return why this call must not be made without really; NULL if the kernel survives it. */
const char *shell_rule(const struct shell_call *call);
/* The reason for which some, or all, calls of an op are refused; NULL for none. */
const char *shell_rule_of(u32 op, bool *always);

/*
 * Note the state that an op may change and the kernel relies on, before a call; restore it after
 * the call; and print a line for each thing that had changed.
 */
struct shell_state {
    u64 flags, cr0, cr4;
    u64 flags_after, cr0_after, cr4_after;
};
void shell_state_save(struct shell_state *s, u32 op);
void shell_state_restore(struct shell_state *s, const struct shell_call *call);
void shell_state_print(const struct shell_state *s, u32 op);
/* At the end of a line: close a lazy section that it left open. */
void shell_repair_line(void);

/* ---- Text ----------------------------------------------------------------------------------- */

/* "-EINVAL" for 22; NULL for a number without a name. */
const char *shell_error_name(u64 number);
/* "function+0x12", or the number. */
const char *shell_symbol(u64 address, char room[96]);
/* A call as it would be typed: "set_pte 0xffff… 0x0". */
void shell_print_call(u32 op, const u64 *args);
void shell_print_result(u32 op, u64 result);
/* Print what the contract says of an op (help.c). */
void shell_print_help(u32 op);

/* ---- Hypercalls: repro/kit/shell.c, if the image has it ---------------------------------------
 */

/* Note the counts; print those of the hypercalls made since. Return how many these are. */
void shell_hypercalls_begin(void);
u64 shell_hypercalls_end(void);
void shell_hypercalls_print(void);

#endif
