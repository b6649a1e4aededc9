/* SPDX-License-Identifier: MIT */
/*
 * pv/vmware/time.c on a hypervisor that offers all of the backdoor, or that answers with what
 * cannot be: no emulator offers the steal clock, and QEMU the rates only under KVM.
 */
#include "harness.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pv/vmware/time.c"

static struct pv_cpu_area area;

/* ---- The hypervisor ------------------------------------------------------------------------ */

static struct {
    bool has_hz, has_steal;
    u64 tsc_hz;
    u32 apic_hz;
    u64 steal_pa;          /* where it writes; 0: nowhere */
    u32 enables, disables; /* commands */
} host;

struct vmware_answer vmware_call(u32 command, u32 ebx, u32 esi, u32 edi)
{
    struct vmware_answer a = {VMWARE_NONE, ebx, command, VMWARE_PORT};

    if (command == VMWARE_GET_HZ && host.has_hz)
        a = (struct vmware_answer){(u32)host.tsc_hz, (u32)(host.tsc_hz >> 32), host.apic_hz, 0};
    if (command == VMWARE_STEAL_CLOCK && host.has_steal) {
        const u64 pa = (u64)esi << 32 | edi;

        a.eax = 0;
        host.disables += pa == STEAL_CLOCK_DISABLE;
        host.steal_pa = 0;
        if (pa > STEAL_CLOCK_DISABLE) {
            CHECK_EQ(pa % 64, 0);
            host.enables++;
            host.steal_pa = pa;
            a.eax = STEAL_CLOCK_ENABLED;
        }
    }
    return a;
}

static void host_writes(u64 ns)
{
    CHECK(host.steal_pa != 0);
    memcpy((void *)(host.steal_pa + VIRT_BASE), &ns, sizeof(ns));
}

/* ---- The native backend -------------------------------------------------------------------- */

static u64 set_tsc_khz;
static u32 set_apic_hz, warnings;

bool native_set_rates(u64 tsc_khz, u32 apic_hz, const char *by)
{
    CHECK_STR(by, "VMware's backdoor");
    if (tsc_khz < 10000)
        return false;
    set_tsc_khz = tsc_khz;
    set_apic_hz = apic_hz;
    return true;
}

const char *native_time_init(void)
{
    return NULL;
}

void pv_warn(const char *fmt, ...)
{
    (void)fmt;
    warnings++;
}

static void start(bool has_hz, u64 tsc_hz, bool has_steal)
{
    memset(&host, 0, sizeof(host));
    memset(clocks, 0, sizeof(clocks));
    memset(last_ns, 0, sizeof(last_ns));
    set_tsc_khz = set_apic_hz = warnings = 0;
    area.number = 3;
    host.has_hz = has_hz;
    host.tsc_hz = tsc_hz;
    host.apic_hz = 66000000;
    host.has_steal = has_steal;
    CHECK_STR(vmware_time_init(), NULL);
}

static void the_rates_that_are_offered_are_used(void)
{
    start(true, 5000000000ull, false);
    CHECK_EQ(set_tsc_khz, 5000000);
    CHECK_EQ(set_apic_hz, 66000000);
    CHECK_EQ(warnings, 0);
    start(false, 0, false);
    CHECK_EQ(set_tsc_khz, 0);
    CHECK_EQ(warnings, 0);
}

static void rates_that_cannot_be_are_reported(void)
{
    start(true, 1000, false);
    CHECK_EQ(set_tsc_khz, 0);
    CHECK_EQ(warnings, 1);
}

static void without_a_steal_clock_nothing_is_stolen(void)
{
    start(false, 0, false);
    CHECK(!vmware_has_steal_clock());
    CHECK_EQ(vmware_steal_ns(), 0);
    vmware_steal_disable();
    CHECK_EQ(host.disables, 0);
}

static void the_steal_clock_is_read_and_given_back(void)
{
    start(false, 0, true);
    CHECK(vmware_has_steal_clock());
    CHECK_EQ(host.enables, 1);
    host_writes(12345678901ull);
    CHECK_EQ(vmware_steal_ns(), 12345678901ull);
    vmware_steal_disable();
    CHECK_EQ(host.disables, 1);
    CHECK(!vmware_has_steal_clock());
    vmware_steal_disable(); /* once more changes nothing */
    CHECK_EQ(host.disables, 1);
}

/* A hypervisor that forgets the count while the clock is disabled begins at 0. */
static void the_steal_clock_never_decreases(void)
{
    start(false, 0, true);
    host_writes(5000);
    CHECK_EQ(vmware_steal_ns(), 5000);
    vmware_steal_disable();
    vmware_steal_enable();
    host_writes(7);
    CHECK_EQ(vmware_steal_ns(), 5000);
    host_writes(5001);
    CHECK_EQ(vmware_steal_ns(), 5001);
}

static void each_cpu_has_a_clock_of_its_own(void)
{
    u64 first;

    start(false, 0, true);
    host_writes(100);
    first = host.steal_pa;
    area.number = 4;
    vmware_steal_enable();
    CHECK(host.steal_pa != first);
    CHECK_EQ(vmware_steal_ns(), 0);
    area.number = 3;
    CHECK_EQ(vmware_steal_ns(), 100);
}

int main(void)
{
    area.self = &area;
    syscall(SYS_arch_prctl, ARCH_SET_GS, &area);
    RUN(the_rates_that_are_offered_are_used);
    RUN(rates_that_cannot_be_are_reported);
    RUN(without_a_steal_clock_nothing_is_stolen);
    RUN(the_steal_clock_is_read_and_given_back);
    RUN(the_steal_clock_never_decreases);
    RUN(each_cpu_has_a_clock_of_its_own);
    return finish("vmware");
}
