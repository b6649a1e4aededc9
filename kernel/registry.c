/* See kernel/registry.h. */
#include "kernel/registry.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "lib/string.h"

extern const struct injected_fault _faults_start[], _faults_end[];

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

/* For an image without the suite. */
__weak const char *mutate(const char *what)
{
    (void)what;
    return "there is no suite in this image that could notice";
}

__weak const char *check_ops(const char *what)
{
    (void)what;
    return "there is no suite in this image that could check";
}

void inject_wild_write(void)
{
    *(volatile u64 *)0xffffff7fdead0000 = 1;
}

INJECT(early, INJECT_EARLY, inject_wild_write);

const struct injected_fault *inject_wanted(enum inject_stage stage)
{
    const struct injected_fault *p = NULL;

    if (cmdline.inject[0])
        p = find_named("fault to inject", _faults_start, _faults_end, sizeof(*p), cmdline.inject);
    return p && p->stage == stage ? p : NULL;
}
