/* See kernel/inject.h. */
#include "kernel/inject.h"
#include "kernel/kernel.h"
#include "kernel/named.h"

extern const struct injected_fault _faults_start[], _faults_end[];

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
