/*
 * What PAYLOAD, INJECT and their like register: the linker gathers each kind in a section, which is
 * an array of structs that begin with their name.
 */
#ifndef KERNEL_REGISTRY_H
#define KERNEL_REGISTRY_H

#include "lib/types.h"

/*
 * The one called name of the structs of size bytes in [start, end). If there is none, all names are
 * listed and the run ends with an error; kind is what they are called in it.
 */
const void *find_named(const char *kind, const void *start, const void *end, size_t size,
                       const char *name);

/*
 * Injected faults: inject=NAME makes the run misbehave on purpose, which proves that the panic, the
 * runner and the verdicts tell the truth. INJECT registers one (test/harness/inject.c has them, but
 * for the one that an image without the suite has too).
 */
enum inject_stage {
    INJECT_EARLY, /* right after the command line was read, before memory map and platform */
    INJECT_TEST,  /* as the last test of the suite */
};

struct injected_fault {
    const char *name;
    enum inject_stage stage;
    void (*run)(void);
};

#define INJECT(ident, stage, fn) \
    static const struct injected_fault injected_fault_##ident __used __section(".faults") \
        __aligned(8) = {#ident, stage, fn}

/*
 * The injected fault that the command line asks for at this stage, or NULL. Ends the run with an
 * error if inject= names none.
 */
const struct injected_fault *inject_wanted(enum inject_stage stage);

/* A page fault on every platform: just below the kernel's window nothing is mapped. */
void inject_wild_write(void);

/*
 * Replaces an op of the table in use by a wrong one (test/mutants/mutate.c); what is the value of
 * mutate=. Returns NULL, or what is wrong with the wish. Context: after selection; an op that was
 * called already (early_init) is replaced in vain.
 */
const char *mutate(const char *what);

/* Replace every op by a wrapper that checks its caller (test/ops/context.c); what is the value of
 * check=. Return NULL, or what is wrong with the wish. Context: as mutate. */
const char *check_ops(const char *what);

#endif
