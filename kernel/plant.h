/*
 * Planted faults: plant=NAME makes the run misbehave on purpose, which proves that the panic, the
 * runner and the verdicts tell the truth. PLANT registers one (test/plant.c has them, but for the
 * one that an image without the suite has too).
 */
#ifndef KERNEL_PLANT_H
#define KERNEL_PLANT_H

#include "lib/types.h"

enum plant_stage {
    PLANT_EARLY, /* right after the command line was read, before memory map and platform */
    PLANT_TEST,  /* as the last test of the suite */
};

struct plant {
    const char *name;
    enum plant_stage stage;
    void (*run)(void);
};

#define PLANT(ident, stage, fn) \
    static const struct plant plant_entry_##ident __used __section(".faults") \
        __aligned(8) = {#ident, stage, fn}

/*
 * The planted fault that the command line asks for at this stage, or NULL. Ends the run with an
 * error if plant= names none.
 */
const struct plant *plant_wanted(enum plant_stage stage);

/* A page fault on every platform: just below the kernel's window nothing is mapped. */
void plant_wild_write(void);

/*
 * Replaces an op of the table in use by a wrong one (test/mutate.c); what is the value of mutate=.
 * Returns NULL, or what is wrong with the wish. Context: after selection; an op that was called
 * already (early_init) is replaced in vain.
 */
const char *mutate(const char *what);

/* Replace every op by a wrapper that checks its caller (test/context.c); what is the value of
 * check=. Return NULL, or what is wrong with the wish. Context: as mutate. */
const char *check_ops(const char *what);

#endif
