/* SPDX-License-Identifier: MIT */
/* What the words of a command stand for: buffers, variables, and names of the contract. */
#include "lib/format.h"
#include "lib/string.h"
#include "test/shell/shell.h"

enum { VARIABLES = 24, NAME_MAX = 16 };

static struct {
    char name[NAME_MAX]; /* "" for a free one */
    u64 value;
} variables[VARIABLES];

#define NAME(ident) \
    { \
#ident, (u64)(ident) \
    }
static const struct {
    const char *name;
    u64 value;
} names[] = {
    NAME(PTE_PRESENT),       NAME(PTE_WRITE),  NAME(PTE_USER),    NAME(PTE_ACCESSED),
    NAME(PTE_DIRTY),         NAME(PTE_PSE),    NAME(PTE_GLOBAL),  NAME(PTE_NX),
    NAME(PTE_PWT),           NAME(PTE_PCD),    NAME(PTE_FOREIGN), NAME(PV_FLAG_IF),
    NAME(PV_IRQ_SOFT),       NAME(PV_IRQ_ISA), NAME(PV_IRQ_GSI),  NAME(PV_IRQ_CONSOLE),
    NAME(PV_POWEROFF),       NAME(PV_REBOOT),  NAME(PV_CRASH),    NAME(PV_IPI_CALL),
    NAME(PV_IPI_RESCHEDULE), NAME(FIX_TEST),   NAME(FIX_SHARED),  NAME(PAGE_SIZE),
    NAME(DIRECT_MAP_BASE),   NAME(VIRT_BASE),  NAME(FIXMAP_BASE),
};

static bool is_same(const char *known, const char *name, size_t len)
{
    return strlen(known) == len && !memcmp(known, name, len);
}

static bool find_variable(const char *name, size_t len, u64 *value)
{
    for (u32 i = 0; i < VARIABLES; i++)
        if (variables[i].name[0] && is_same(variables[i].name, name, len)) {
            *value = variables[i].value;
            return true;
        }
    return false;
}

static bool lookup(const char *name, size_t len, u64 *value)
{
    if (len == 2 && name[0] == '&' && name[1] >= 'a' && name[1] < 'a' + SHELL_BUFFERS) {
        *value = (u64)shell_buffers[name[1] - 'a'];
        return true;
    }
    if (len && name[0] == '$')
        return find_variable(name + 1, len - 1, value);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (is_same(names[i].name, name, len)) {
            *value = names[i].value;
            return true;
        }
    return false;
}

bool shell_value(const char *word, u64 *value)
{
    const char *wrong = words_value(word, lookup, value);

    if (wrong)
        shell_error("%s: %s", word, wrong);
    return !wrong;
}

bool shell_number(const char *word, const char *what, u64 most, u64 *value)
{
    if (!shell_value(word, value))
        return false;
    if (*value > most)
        shell_error("%s: not a %s, 0 to %llu", word, what, (unsigned long long)most);
    return *value <= most;
}

void shell_set(const char *name, u64 value)
{
    u32 at = 0;

    while (at < VARIABLES && variables[at].name[0] && strcmp(variables[at].name, name))
        at++;
    if (at == VARIABLES) {
        shell_error("$%s: more than %u variables", name, VARIABLES);
        return;
    }
    str_copy(variables[at].name, name, sizeof(variables[at].name));
    variables[at].value = value;
}

static bool is_variable_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_'))
            return false;
    return *name && strlen(name) < NAME_MAX;
}

static void print_variables(void)
{
    for (u32 i = 0; i < VARIABLES && variables[i].name[0]; i++)
        print("$%s = %#llx\n", variables[i].name, (unsigned long long)variables[i].value);
}

SHELL_COMMAND(let, "[NAME VALUE]", "give $NAME a value; alone: list all. $r is the last result")
{
    u64 value;

    if (words->count == 1)
        print_variables();
    else if (words->count != 3)
        shell_error("let takes a name and a value");
    else if (!is_variable_name(words->word[1]))
        shell_error("%s: not a name of up to %u small letters, digits and _", words->word[1],
                    NAME_MAX - 1);
    else if (shell_value(words->word[2], &value))
        shell_set(words->word[1], value);
}

SHELL_COMMAND(print, "VALUE", "print a value")
{
    u64 value;

    if (words->count != 2)
        shell_error("print takes one value");
    else if (shell_value(words->word[1], &value))
        print("%#llx, %llu, %s\n", (unsigned long long)value, (unsigned long long)value,
              shell_symbol(value, (char[96]){0}));
}
