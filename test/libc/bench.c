/* SPDX-License-Identifier: MIT */
/* Benchmark of libc's most used functions: copying, filling, allocating and freeing memory. */
#include "test/bench/bench.h"

#include <stdlib.h>
#include <string.h>

static u8 to[65536 + 64], from[65536 + 64];

#define COPY(size) \
    BENCH_CALL(libc, memcpy_##size, memcpy(to, from, size)) \
    BENCH_CALL(libc, memset_##size, memset(to, 1, size))

COPY(8)
COPY(33)
COPY(200)
COPY(4096)
COPY(65536)
BENCH_CALL(libc, memcpy_200_unaligned, memcpy(to + 3, from + 1, 200))
BENCH_CALL(libc, memmove_200_up, memmove(to + 8, to, 200))
BENCH_CALL(libc, malloc_and_free_64, free(malloc(64)))
BENCH_CALL(libc, malloc_and_free_5000, free(malloc(5000)))
