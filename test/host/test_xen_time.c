/* test/host/test_xen_time.c: pv/xen/vcpu_time.h, against 128-bit arithmetic and against a writer
 * that changes the record while it is read. */
#include "harness.h"

#include "pv/xen/vcpu_time.h"

static volatile struct vcpu_time_info record;
static u32 tsc_reads;

/* Xen updates the record at the reader's second step, and twice is in the middle of its writing. */
static u64 tsc_while_xen_writes(void)
{
    switch (tsc_reads++) {
    case 0: /* the reader has the old version; Xen begins and ends an update */
        record.version += 2;
        record.system_time = 5000;
        return 100;
    case 1: /* the reader has the new version; Xen begins another one */
        record.version += 1;
        record.system_time = 1;
        return 100;
    case 2: /* Xen is still at it: the version is odd before and after, and nothing read counts */
        return 100;
    case 3: /* the version was odd before, and Xen ends */
        record.version += 1;
        record.system_time = 7000;
        return 100;
    default:
        return 100;
    }
}

static u64 tsc_of_100(void)
{
    return 100;
}

static void read_again_while_xen_writes(void)
{
    record = (struct vcpu_time_info){.version = 2, .system_time = 3000, .tsc_timestamp = 100};
    pv_ops.cpu.read_tsc = tsc_while_xen_writes;
    CHECK_EQ(xen_vcpu_time_ns(&record), 7000);
    CHECK_EQ(tsc_reads, 5);
    pv_ops.cpu.read_tsc = tsc_of_100;
    CHECK_EQ(xen_vcpu_time_ns(&record), 7000);
}

/* The definition: ticks * 2^shift * mul / 2^32, without losing a bit above the result. */
static u64 scaled(u64 ticks, u32 mul, int shift)
{
    const unsigned __int128 shifted =
        shift >= 0 ? (unsigned __int128)ticks << shift : ticks >> -shift;

    return (u64)(shifted * mul >> 32);
}

/* TSCs from 1 MHz to 64 GHz: Xen makes mul at least 2^31, and shift what remains. */
static void scaling_has_both_directions(void)
{
    for (int shift = -6; shift <= 10; shift++)
        for (u32 round = 0; round < 1000; round++) {
            const u64 ticks = random_u64() >> (16 + random_u64() % 40);
            const u32 mul = (u32)random_u64() | 1u << 31;

            CHECK_EQ(xen_scale_ticks(ticks, mul, shift), scaled(ticks, mul, shift));
        }
}

int main(void)
{
    RUN(read_again_while_xen_writes);
    RUN(scaling_has_both_directions);
    return finish("xen time");
}
