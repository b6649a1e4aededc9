/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: each four bytes are one step (mm_steps.h) of using an address space, on a machine that
 * checks every write to page tables.
 */
#include "fuzz.h"
#include "mm_steps.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    steps_begin();
    for (size_t i = 0; i + 4 <= MIN(size, 400); i += 4)
        step(data[i], (u16)(data[i + 1] | data[i + 2] << 8), data[i + 3]);
    REQUIRE(steps_end());
    return 0;
}
