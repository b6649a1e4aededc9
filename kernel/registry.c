/* Finding by name what the image contains (kernel/registry.h). */
#include "kernel/registry.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "lib/string.h"

extern const struct injected_fault _faults_start[], _faults_end[];
extern const struct op_change _op_changes_start[], _op_changes_end[];

const void *find_named(const char *kind, const void *start, const void *end, size_t size,
                       const char *name)
{
    const u8 *const first = start, *const last = end;

    for (const u8 *at = first; at < last; at += size)
        if (!strcmp(((const struct named *)(const void *)at)->name, name))
            return at;
    print("# known:");
    for (const u8 *at = first; at < last; at += size)
        print(" %s", ((const struct named *)(const void *)at)->name);
    print("\n");
    finish(VERDICT_ERROR, "no %s is called \"%s\"", kind, name);
}

void inject_wild_write(void)
{
    *(volatile u64 *)0xffffff7fdead0000 = 1; /* below the kernel's top 2 GiB */
}

INJECT(early, INJECT_EARLY, inject_wild_write);

const struct injected_fault *inject_wanted(enum inject_stage stage)
{
    const struct injected_fault *fault;

    if (!cmdline.inject[0])
        return NULL;
    fault =
        find_named("fault to inject", _faults_start, _faults_end, sizeof(*fault), cmdline.inject);
    return fault->stage == stage ? fault : NULL;
}

const char *apply_op_change(const char *name, const char *value)
{
    for (const struct op_change *change = _op_changes_start; change < _op_changes_end; change++)
        if (!strcmp(change->named.name, name))
            return change->apply(value);
    return "this image was built without the suite, which has this option";
}
