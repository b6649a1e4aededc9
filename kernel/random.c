/* See kernel/random.h. */
#include "kernel/random.h"
#include "kernel/console.h"
#include "lib/string.h"
#include "pv/pv.h"

#define RDRAND_TRIES 10 /* what Intel advises */

static bool rdrand(u64 *value)
{
    bool ok = false;

    for (int i = 0; i < RDRAND_TRIES && !ok; i++)
        __asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(ok));
    return ok;
}

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014) over a state that the clock stirs. */
static u64 stirred(void)
{
    static u64 state; /* Atomic: each caller gets a state of its own */
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
        log_warn("random numbers are not fit for keys: this CPU offers none");
    warned = true;
    return stirred();
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
