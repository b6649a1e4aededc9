/* SPDX-License-Identifier: MIT */
/* Finding by name what the image contains (kernel/registry.h). */
#include "kernel/registry.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "lib/string.h"

extern const struct injected_fault _faults_start[], _faults_end[];
extern const struct op_change _op_changes_start[], _op_changes_end[];

static void print_names(const u8 *start, const u8 *end, size_t size)
{
    print("# known:");
    for (const u8 *at = start; at < end; at += size) {
        const struct named *element = (const void *)at;

        print(" %s", element->name);
    }
    print("\n");
}

const void *find_named(const char *kind, const void *start, const void *end, size_t size,
                       const char *name)
{
    for (const u8 *at = start; at < (const u8 *)end; at += size) {
        const struct named *element = (const void *)at;

        if (!strcmp(element->name, name))
            return element;
    }
    print_names(start, end, size);
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
    return "this image was built without the part that has this option";
}
