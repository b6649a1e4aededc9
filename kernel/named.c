/* See kernel/named.h. */
#include "kernel/named.h"
#include "kernel/console.h"
#include "kernel/verdict.h"
#include "lib/string.h"

const void *find_named(const char *kind, const void *start, const void *end, size_t size,
                       const char *name)
{
    const char *at;

    for (at = start; at < (const char *)end; at += size)
        if (!strcmp(*(const char *const *)(const void *)at, name))
            return at;
    print("# known:");
    for (at = start; at < (const char *)end; at += size)
        print(" %s", *(const char *const *)(const void *)at);
    print("\n");
    finish(VERDICT_ERROR, "no %s is called \"%s\"", kind, name);
}
