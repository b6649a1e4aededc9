/* SPDX-License-Identifier: MIT */
/* Random bytes from rdrand, or a fallback that is only hard to predict (kernel/random.h). */
#include "kernel/random.h"
#include "kernel/console.h"
#include "lib/string.h"
#include "pv/pv.h"

#define RDRAND_TRIES 10 /* as Intel recommends, SDM vol. 1, section 7.3.17.1 */

static bool rdrand(u64 *value)
{
    bool ok = false;

    for (int i = 0; i < RDRAND_TRIES && !ok; i++)
        __asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(ok));
    return ok;
}

/* splitmix64 (Steele, Lea, Flood 2014), with the TSC mixed into each step of its state. */
static u64 splitmix64_next(void)
{
    static u64 state; /* Atomic: each caller's addition gives it another value */
    u64 z = __atomic_add_fetch(&state, 0x9e3779b97f4a7c15 ^ pv_read_tsc(), __ATOMIC_RELAXED);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static u64 random_u64(bool has_rdrand)
{
    static bool warned; /* Atomic: two CPUs may warn at once */
    u64 value;

    if (has_rdrand && rdrand(&value))
        return value;
    if (!warned)
        log_warn("random numbers are not fit for keys: this CPU has no rdrand, or it fails");
    warned = true;
    return splitmix64_next();
}

void random_fill(void *to, size_t len)
{
    struct pv_features features;
    u8 *bytes = to;

    pv_cpu_features(&features);
    while (len > 0) {
        u64 value = random_u64(features.rdrand);
        size_t n = MIN(len, sizeof(value));

        memcpy(bytes, &value, n);
        bytes += n;
        len -= n;
    }
}
