/* SPDX-License-Identifier: MIT */
/*
 * The command line selects all that an image does: words separated by blanks, each KEY=VALUE or a
 * bare KEY. kernel/cmdline.c has the table of words.
 *
 * Loaders, VMMs and Xen append words of their own ("placeholder", "root=/dev/sda", "acpi=off",
 * "virtio_mmio.device=..."). So a word that is not in the table is not an error: it is passed over,
 * and listed in foreign. A word that is one typing mistake away from one in the table is an error.
 *
 * The words between the first "--" and the last one are for a program: its environment and its
 * arguments (lib/newlib/start.c). With a single "--" they reach to the end of the line; end them
 * with a second "--" if a loader may append words, which the program would get otherwise.
 */
#ifndef KERNEL_CMDLINE_H
#define KERNEL_CMDLINE_H

#include "lib/types.h"

#define CMDLINE_VALUE_MAX     64
#define CMDLINE_ERROR_MAX     256
#define CMDLINE_FOREIGN_MAX   160
#define CMDLINE_ARGUMENTS_MAX 2048 /* as long as a line may be: lib/boot_info.h */

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG,
};
extern const char log_levels[][6]; /* their names */

struct cmdline {
    char run[CMDLINE_VALUE_MAX];      /* run=PAYLOAD     default "suite" */
    char pv[CMDLINE_VALUE_MAX];       /* pv=BACKEND      "" means: the detected one */
    char test[CMDLINE_VALUE_MAX];     /* test=GLOB[,GLOB...]  default "*" */
    char inject[CMDLINE_VALUE_MAX];   /* inject=FAULT    a fault to inject, "" for none */
    char platform[CMDLINE_VALUE_MAX]; /* platform=NAME   the platform that the runner has started,
                                         or "" */
    char echo[CMDLINE_VALUE_MAX];   /* echo=TOKEN      the runner will type TOKEN at the console */
    char input[CMDLINE_VALUE_MAX];  /* input=pipe|terminal  the runner sends a program's input in
                                       frames; "": a person types */
    char stack[CMDLINE_VALUE_MAX];  /* stack=SIZE      most of a program's main(): 64M */
    char evtchn[CMDLINE_VALUE_MAX]; /* evtchn=2l|fifo  the event-channel ABI; "": FIFO if Xen has it
                                     */
    char soak[CMDLINE_VALUE_MAX];   /* soak=S          seconds for which stress tests repeat */
    char mutate[CMDLINE_VALUE_MAX]; /* mutate=OP:KIND  replace one op by a wrong one */
    char check[CMDLINE_VALUE_MAX];  /* check=context   check the context of each call of an op */
    char record[CMDLINE_VALUE_MAX]; /* record=TOKEN... record the run: trace/record.c */
    bool nopatch;                   /* nopatch         leave ops as calls through the table */
    bool sites;                     /* pv.sites        list all call sites of ops */
    enum log_level log;             /* log=error|warn|info|debug, default info */
    char arguments[CMDLINE_ARGUMENTS_MAX]; /* the program's words, "" for none */
    u32 nr_foreign;                        /* number of words that were passed over */
    char foreign[CMDLINE_FOREIGN_MAX];     /* the first of them, printable, separated by blanks */
};

/*
 * Parse line into *out, defaults included. Return true; or false, with one line in error
 * (CMDLINE_ERROR_MAX bytes) that quotes the bad word and, if it is mistyped, lists the known ones.
 * Errors are a mistyped word, a word given twice, an empty or too long value, an unknown log level,
 * and too many words for a program.
 */
bool cmdline_parse(const char *line, struct cmdline *out, char *error);

#endif
