/* SPDX-License-Identifier: MIT */
/*
 * The way from the kernel to main(): split the command line's words into environment and arguments
 * as env(1) does, NAME=VALUE words first. argv[0] is the program's name.
 */
#include "lib/newlib/start.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64
#define TEXT_MAX  2048 /* CMDLINE_ARGUMENTS_MAX */

extern char **environ;

void libc_start(const struct libc_app *app, const char *words)
{
    static char text[TEXT_MAX], name[TEXT_MAX];
    static char *arguments[WORDS_MAX], *variables[WORDS_MAX];
    int argc = 1, nr_variables = 0;

    strncpy(text, words, TEXT_MAX - 1);
    strncpy(name, app->named.name, TEXT_MAX - 1);
    arguments[0] = name;
    for (char *word = strtok(text, " \t"); word; word = strtok(NULL, " \t")) {
        if (argc == 1 && strchr(word, '=') && nr_variables < WORDS_MAX - 1)
            variables[nr_variables++] = word;
        else if (argc < WORDS_MAX - 1)
            arguments[argc++] = word;
    }
    environ = variables;
    exit(app->main(argc, arguments, environ));
}
