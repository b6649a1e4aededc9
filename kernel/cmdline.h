/*
 * The command line: words separated by blanks, each KEY=VALUE or a bare KEY. What this image does
 * is said here and nowhere else. kernel/cmdline.c holds the one table of words.
 *
 * Loaders, VMMs and Xen append words of their own ("placeholder", "root=/dev/sda", "acpi=off",
 * "virtio_mmio.device=..."): a word that is not in the table is passed over and listed. A word that
 * is close to one in the table is an error, because it is a mistyped one.
 *
 * What stands between the first word "--" and the last one, or the end of the line if there is one
 * only, belongs to a program: its environment and arguments (lib/newlib/start.c). Close a program's
 * words with a second "--", so that words which a loader appends do not become the program's.
 */
#ifndef KERNEL_CMDLINE_H
#define KERNEL_CMDLINE_H

#include "lib/types.h"

#define CMDLINE_VALUE_MAX     64
#define CMDLINE_ERROR_MAX     256
#define CMDLINE_FOREIGN_MAX   160
#define CMDLINE_ARGUMENTS_MAX 2048 /* as long as a line may be: boot/boot_info.h */

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG,
};
extern const char log_levels[][6]; /* their names */

struct cmdline {
    char run[CMDLINE_VALUE_MAX];    /* run=PAYLOAD     default "suite" */
    char pv[CMDLINE_VALUE_MAX];     /* pv=BACKEND      "" means: the detected one */
    char test[CMDLINE_VALUE_MAX];   /* test=GLOB[,GLOB...]  default "*" */
    char inject[CMDLINE_VALUE_MAX]; /* inject=FAULT     a fault injected on purpose, "" for none */
    char platform[CMDLINE_VALUE_MAX]; /* platform=NAME   where the caller believes we are, or "" */
    char echo[CMDLINE_VALUE_MAX];     /* echo=TOKEN      someone at the console will type TOKEN */
    char evtchn[CMDLINE_VALUE_MAX];   /* evtchn=2l|fifo  event channels; "": FIFO if Xen has it */
    char soak[CMDLINE_VALUE_MAX];   /* soak=S          seconds in which tests repeat what they do */
    char mutate[CMDLINE_VALUE_MAX]; /* mutate=OP:KIND  one op is replaced by a wrong one */
    char check[CMDLINE_VALUE_MAX];  /* check=context   each call of an op is checked */
    bool nopatch;                   /* nopatch         ops stay calls through the table */
    bool sites;                     /* pv.sites        lists all calls of ops */
    enum log_level log;             /* log=error|warn|info|debug, default info */
    char arguments[CMDLINE_ARGUMENTS_MAX]; /* the program's words, "" for none */
    u32 nr_foreign;                        /* words that were passed over */
    char foreign[CMDLINE_FOREIGN_MAX];     /* the first of them, printable, separated by blanks */
};

/*
 * Parse line into *out, defaults included. Returns true, or false with one line in error
 * (CMDLINE_ERROR_MAX bytes) that names the bad word and, if it is mistyped, lists the known ones. A
 * mistyped word, a word given twice, an empty value, a value that is too long and an unknown log
 * level are errors.
 */
bool cmdline_parse(const char *line, struct cmdline *out, char *error);

#endif
