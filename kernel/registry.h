/* SPDX-License-Identifier: MIT */
/*
 * Registries: PAYLOAD, INJECT and the like put a struct into a section of its kind, wherever in the
 * tree they are used, and the linker makes an array of each section. So the kernel finds the parts
 * of an image by name without depending on any, and an image may be linked without them.
 */
#ifndef KERNEL_REGISTRY_H
#define KERNEL_REGISTRY_H

#include "lib/named.h"
#include "lib/types.h"

/*
 * Return the element called name of an array [start, end) of structs, each size bytes long, that
 * begin with a struct named. If no element has the name, list all names and end the run with an
 * error, in which kind is the word for the elements.
 */
const void *find_named(const char *kind, const void *start, const void *end, size_t size,
                       const char *name);

/*
 * Injected faults: inject=NAME makes the run misbehave on purpose, to show that panics, verdicts
 * and the runner report it. They are in test/harness/inject.c, except for one that an image without
 * the suite has too.
 */
enum inject_stage {
    INJECT_EARLY, /* after the command line is read, before the memory map and the platform */
    INJECT_TEST,  /* as the last test of the suite */
};

struct injected_fault {
    struct named named;
    enum inject_stage stage;
    void (*run)(void);
};

#define INJECT(ident, stage, fn) \
    static const struct injected_fault injected_fault_##ident __used __section(".faults") \
        __aligned(8) = {{#ident}, stage, fn}

/*
 * Return the fault that inject= names if it is of this stage, else NULL. End the run with an error
 * if inject= has an unknown name.
 */
const struct injected_fault *inject_wanted(enum inject_stage stage);

/* A fault: write to an address that is not mapped on any platform. */
void inject_wild_write(void);

/*
 * Changes of the op table that test options of the command line ask for: mutate= replaces an op by
 * a wrong one (test/mutants/mutate.c), check= wraps each op to check its callers
 * (test/ops/context.c), record= records each call (trace/record.c). apply gets the option's value,
 * and returns NULL or what is wrong with it.
 */
struct op_change {
    struct named named;
    const char *(*apply)(const char *value);
};

#define OP_CHANGE(ident, fn) \
    static const struct op_change op_change_##ident __used __section(".op_changes") \
        __aligned(8) = {{#ident}, fn}

/* Apply the change called name. Return NULL, or what is wrong. Context: before the op is used. */
const char *apply_op_change(const char *name, const char *value);

#endif
