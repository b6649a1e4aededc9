/* SPDX-License-Identifier: MIT */
/*
 * The way from the kernel to main(): split the command line's words into environment and arguments
 * as env(1) does, NAME=VALUE words first, and run the program's constructors. argv[0] is the
 * program's name.
 */
#include "lib/newlib/start.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64
#define TEXT_MAX  2048 /* CMDLINE_ARGUMENTS_MAX */

extern char **environ;

static struct libc_functions destructors;

/* Run by exit() after all that the program gave to atexit(), because it was given first. */
static void run_destructors(void)
{
    for (libc_function *const *end = destructors.end; end > destructors.first; end--)
        end[-1]();
}

static void run_constructors(const struct libc_app *app)
{
    destructors = app->destructors;
    atexit(run_destructors);
    for (libc_function *const *f = app->constructors.first; f < app->constructors.end; f++)
        (*f)();
}

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
    run_constructors(app);
    exit(app->main(argc, arguments, environ));
}
