/* SPDX-License-Identifier: MIT */
/*
 * Which locales exist: "C", also with the name of an encoding ("C.UTF-8"), and "POSIX". newlib
 * takes every name of the form xx_YY and gives it the rules of "C", so a program would believe that
 * it has the comma or the alphabet of another language. The linker gives calls of both functions to
 * these
 * (--wrap, tools/build/programs.mk).
 */
#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct __locale_t;

char *__real_setlocale(int category, const char *name);
char *__wrap_setlocale(int category, const char *name);
char *__real___loadlocale(struct __locale_t *locale, int category, char *name);
char *__wrap___loadlocale(struct __locale_t *locale, int category, char *name);

/* Return whether a name, or each part of "C/C.UTF-8/C", is one that exists. */
static bool exists(const char *name)
{
    while (name) {
        const char *const next = strchr(name, '/');

        if (strcmp(name, "POSIX") && (name[0] != 'C' || (name[1] && !strchr(".-/", name[1]))))
            return false;
        name = next ? next + 1 : NULL;
    }
    return true;
}

/* Return the name that the environment gives a category, as POSIX defines. */
static const char *from_environment(const char *variable)
{
    const char *const names[] = {getenv("LC_ALL"), getenv(variable), getenv("LANG")};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i] && names[i][0])
            return names[i];
    return "C";
}

static bool environment_exists(int category)
{
    static const struct {
        int category;
        const char *variable;
    } variables[] = {
        {LC_COLLATE, "LC_COLLATE"}, {LC_CTYPE, "LC_CTYPE"}, {LC_MONETARY, "LC_MONETARY"},
        {LC_NUMERIC, "LC_NUMERIC"}, {LC_TIME, "LC_TIME"},   {LC_MESSAGES, "LC_MESSAGES"},
    };

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        if ((category == LC_ALL || category == variables[i].category) &&
            !exists(from_environment(variables[i].variable)))
            return false;
    return true;
}

char *__wrap_setlocale(int category, const char *name)
{
    if (name && !(name[0] ? exists(name) : environment_exists(category))) {
        errno = ENOENT;
        return NULL;
    }
    return __real_setlocale(category, name);
}

/* newlocale() calls this one. */
char *__wrap___loadlocale(struct __locale_t *locale, int category, char *name)
{
    if (!exists(name)) {
        errno = ENOENT;
        return NULL;
    }
    return __real___loadlocale(locale, category, name);
}
