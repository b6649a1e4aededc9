/* SPDX-License-Identifier: MIT */
/*
 * record=TOKEN,CPUS[,lossy][,calls|,hypercalls|,all]: record this run (pv/record/record.h). The
 * runner passes the word for --record. TOKEN, 16 hexadecimal digits, is how it finds the records;
 * CPUS is the number of CPUs of this machine, each of which gets a ring.
 */
#include "kernel/registry.h"
#include "lib/string.h"
#include "mm/vmap.h"
#include "pv/record/record.h"

static const char wrong[] = "not TOKEN,CPUS[,lossy][,calls|,hypercalls|,all] with 16 digits";

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Read the token, and return what follows it, or NULL. */
static const char *parse_token(const char *text, u64 *token)
{
    *token = 0;
    for (u32 i = 0; i < 16; i++) {
        const int value = digit(text[i]);

        if (value < 0)
            return NULL;
        *token = *token << 4 | (u64)value;
    }
    return text + 16;
}

/* Read ",CPUS", and return what follows it, or NULL. */
static const char *parse_cpus(const char *text, u32 *cpus)
{
    *cpus = 0;
    if (*text != ',')
        return NULL;
    for (text++; *text >= '0' && *text <= '9' && *cpus <= PV_CPUS_MAX; text++)
        *cpus = *cpus * 10 + (u32)(*text - '0');
    return *cpus && *cpus <= PV_CPUS_MAX ? text : NULL;
}

static bool parse_words(const char *text, struct record_options *options)
{
    if (!strncmp(text, ",lossy", 6)) {
        options->lossy = true;
        text += 6;
    }
    if (!strcmp(text, ",calls"))
        options->ops = RECORD_OPS_CALLS_ONLY;
    else if (!strcmp(text, ",hypercalls"))
        options->ops = RECORD_OPS_NONE;
    else if (!strcmp(text, ",all"))
        options->ops = RECORD_OPS_ALL;
    else
        return !*text;
    return true;
}

static const char *record(const char *value)
{
    struct record_options options = {.ops = RECORD_OPS_COLD};
    const char *rest = parse_token(value, &options.token);
    void *memory;

    if (rest)
        rest = parse_cpus(rest, &options.cpus);
    if (!rest || !parse_words(rest, &options))
        return wrong;
    memory = vmalloc(record_memory_size(&options));
    return memory ? record_start(memory, &options) : "no memory for the records";
}

OP_CHANGE(record, record);
