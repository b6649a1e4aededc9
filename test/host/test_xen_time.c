/* SPDX-License-Identifier: MIT */
/*
 * pv/xen/vcpu_time.h compared with 128-bit arithmetic, and with a writer that changes the record
 * while it is read.
 */
#include "harness.h"

#include <signal.h>

#include "pv/xen/vcpu_time.h"

static volatile struct vcpu_time_info record;
static u32 tsc_reads;

/*
 * Xen updates the record at the reader's second step, and in two cases is in the middle of an
 * update.
 */
static u64 tsc_while_xen_writes(void)
{
    switch (tsc_reads++) {
    case 0: /* the reader has the old version; Xen makes a whole update */
        record.version += 2;
        record.system_time = 5000;
        return 100;
    case 1: /* the reader has the new version; Xen starts another update */
        record.version += 1;
        record.system_time = 1;
        return 100;
    case 2: /* Xen is still updating: the version is odd before and after, so the reading is
               discarded */
        return 100;
    case 3: /* the version was odd before, and Xen ends the update */
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

/* The definition, ticks * 2^shift * mul / 2^32, without losing a bit above the result. */
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

            CHECK_EQ(scale_shifted(ticks, mul, shift), scaled(ticks, mul, shift));
        }
}

/*
 * Stepping: the CPU traps after each instruction of a reader, and at one of them Xen changes the
 * record that is read.
 */
static struct {
    volatile unsigned long at, count; /* the step at which Xen writes, and those so far */
    void (*write)(void);
} steps;

static void on_step(int signal)
{
    (void)signal;
    if (steps.count++ == steps.at)
        steps.write();
}

static u64 step_through(u64 (*read)(void))
{
    u64 value;

    steps.count = 0;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" : : : "memory", "cc");
    value = read();
    __asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" : : : "memory", "cc");
    return value;
}

enum { ROUNDS = 400 };

/*
 * The reading must be the record before Xen's change or after it, never a mixture. Readers with
 * fewer instructions than there are rounds end before Xen's write.
 */
static void write_at_each_step(void (*prepare)(void), void (*write)(void), u64 (*read)(void),
                               u64 before, u64 after)
{
    signal(SIGTRAP, on_step);
    steps.write = write;
    for (steps.at = 0; steps.at < ROUNDS; steps.at++) {
        u64 value;

        prepare();
        value = step_through(read);
        CHECK(value == before || value == after);
        CHECK(steps.count > 10 && (before == after || steps.count < ROUNDS));
    }
    signal(SIGTRAP, SIG_DFL);
}

static volatile struct shared_info shared;
static volatile struct vcpu_runstate_info runstate;

static u64 read_wallclock(void)
{
    return xen_wallclock_base_ns(&shared);
}

static void set_wallclock(void)
{
    shared.wc_version = 4;
    shared.wc_sec_hi = 1;
    shared.wc_sec = 0xffffffff;
    shared.wc_nsec = 999999999;
}

static void finish_wallclock(void)
{
    shared.wc_sec_hi = 2;
    shared.wc_sec = 0;
    shared.wc_nsec = 1;
    shared.wc_version = 6;
}

static void begin_wallclock(void)
{
    set_wallclock();
    shared.wc_version = 5;
    shared.wc_sec = 7;
}

static void wallclock_is_read_as_a_whole(void)
{
    const u64 before = 0x1ffffffffull * 1000000000 + 999999999;
    const u64 after = 0x200000000ull * 1000000000 + 1;

    write_at_each_step(set_wallclock, finish_wallclock, read_wallclock, before, after);
    write_at_each_step(begin_wallclock, finish_wallclock, read_wallclock, after, after);
}

static u64 read_steal(void)
{
    return xen_runstate_steal_ns(&runstate);
}

/* Only the runnable and offline states count as stolen time. */
static void set_runstate(void)
{
    runstate.state_entry_time = 1000;
    runstate.time[RUNSTATE_running] = 1 << 20;
    runstate.time[RUNSTATE_runnable] = 10;
    runstate.time[RUNSTATE_blocked] = 1 << 21;
    runstate.time[RUNSTATE_offline] = 200;
}

static void change_runstate(void)
{
    runstate.state_entry_time = 5000;
    runstate.time[RUNSTATE_runnable] = 3010;
    runstate.time[RUNSTATE_offline] = 40200;
}

static void steal_time_is_read_as_a_whole(void)
{
    write_at_each_step(set_runstate, change_runstate, read_steal, 210, 43210);
}

int main(void)
{
    RUN(read_again_while_xen_writes);
    RUN(scaling_has_both_directions);
    RUN(wallclock_is_read_as_a_whole);
    RUN(steal_time_is_read_as_a_whole);
    return finish("xen time");
}
