/* SPDX-License-Identifier: MIT */
/* How a repro registers itself. */
#ifndef REPRO_KIT_REPRO_H
#define REPRO_KIT_REPRO_H

#include "lib/named.h"
#include "lib/types.h"

struct repro {
    struct named named; /* of its file */
    void (*run)(void);
};

#define REPRO(text) \
    static void repro_run(void); \
    static const struct repro repro_entry __used __section(".repros") \
        __aligned(8) = {{text}, repro_run}; \
    static void repro_run(void)

#endif
