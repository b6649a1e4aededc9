/* SPDX-License-Identifier: MIT */
/*
 * pv/kvm/ on hypervisors that no emulator shows: CPUID leaves with a maximum that cannot be, a
 * feature that is offered and refused, a clock that is written while it is read.
 */
#include "harness.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pv/native/io.h"

static struct cpuid_regs cpuid_of_host(u32 leaf, u32 subleaf);
#define cpuid cpuid_of_host
#include "pv/kvm/records.c"
#undef cpuid

#include "pv/kvm/pvclock.h"

static struct pv_cpu_area area;

/* ---- The hypervisor ------------------------------------------------------------------------ */

enum { MSRS = 32, ALL = 0x1007afb }; /* what KVM of Linux 6.1 offers */

static struct {
    u32 base, most, features, hints, hyperv, ecx1;
    u32 refused; /* an MSR */
    struct {
        u32 msr;
        u64 value;
    } writes[MSRS];
    u32 nr_writes, warnings;
} host;

static struct cpuid_regs cpuid_of_host(u32 leaf, u32 subleaf)
{
    (void)subleaf;
    if (leaf == 1)
        return (struct cpuid_regs){.ecx = host.ecx1};
    if (leaf == host.base)
        return (struct cpuid_regs){host.most, KVM_NAME_EBX, KVM_NAME_ECX, KVM_NAME_EDX};
    if (leaf == host.base + 1)
        return (struct cpuid_regs){.eax = host.features, .edx = host.hints};
    if (leaf == host.hyperv)
        return (struct cpuid_regs){0x40000005, 0x7263694d, 0x666f736f, 0x76482074};
    return (struct cpuid_regs){0};
}

int native_write_msr_safe(u32 msr, u64 value)
{
    if (msr == host.refused)
        return -EINVAL;
    CHECK(host.nr_writes < MSRS);
    host.writes[host.nr_writes].msr = msr;
    host.writes[host.nr_writes++].value = value;
    return 0;
}

static u32 waits_ended; /* how often those of a CPU were */

void kvm_page_faults_end(u32 cpu)
{
    (void)cpu;
    waits_ended++;
}

void pv_warn(const char *fmt, ...)
{
    (void)fmt;
    host.warnings++;
}

static void start(u32 base, u32 most, u32 features)
{
    memset(&host, 0, sizeof(host));
    memset(given, 0, sizeof(given));
    host.base = base;
    host.most = most;
    host.features = features;
    host.ecx1 = CPUID1_ECX_HYPERVISOR;
    area.number = 0;
}

/* Return the last value that was written to an MSR, or ~0. */
static u64 last_written(u32 msr)
{
    for (u32 i = host.nr_writes; i--;)
        if (host.writes[i].msr == msr)
            return host.writes[i].value;
    return ~0ull;
}

/* ---- CPUID --------------------------------------------------------------------------------- */

static void it_is_found_after_hyperv(void)
{
    start(0x40000100, 0x40000101, ALL);
    host.hyperv = 0x40000000;
    CHECK(kvm_find());
    CHECK(kvm_offers(KVM_FEATURE_STEAL_TIME | KVM_FEATURE_PV_EOI));
    start(0x4000ff00, 0x4000ff01, ALL);
    CHECK(kvm_find());
    start(0x40010000, 0x40010001, ALL);
    CHECK(!kvm_find());
    start(0x40000000, 0x40000001, ALL);
    host.ecx1 = 0; /* without a hypervisor these leaves are those of the CPU's own largest */
    CHECK(!kvm_find());
    CHECK(!kvm_offers(KVM_FEATURE_STEAL_TIME));
}

static void absurd_maxima_do_no_harm(void)
{
    static const struct {
        u32 most;
        bool offers;
    } cases[] = {
        {0, true}, /* old versions */
        {1, false},         {0x3fffffff, false}, {0x40000000, false},
        {0x40000001, true}, {0x4fffffff, true},  {0xffffffff, true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        start(0x40000000, cases[i].most, ALL);
        CHECK(kvm_find());
        CHECK_EQ(kvm_offers(KVM_FEATURE_STEAL_TIME), cases[i].offers);
    }
}

static void cpus_that_are_never_preempted_spin(void)
{
    start(0x40000000, 0x40000001, ALL);
    host.hints = KVM_HINTS_REALTIME;
    CHECK(kvm_find());
    CHECK(!kvm_offers(KVM_FEATURE_PV_UNHALT));
    CHECK(!kvm_offers(KVM_FEATURE_PV_TLB_FLUSH));
    CHECK(kvm_offers(KVM_FEATURE_STEAL_TIME));
}

/* ---- Records ------------------------------------------------------------------------------- */

static void records_are_given_and_taken_back(void)
{
    static const u32 msrs[] = {MSR_KVM_SYSTEM_TIME_NEW, MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN,
                               MSR_KVM_ASYNC_PF_EN};
    const u64 page_fault = KVM_ASYNC_PF_IN_KERNEL | KVM_ASYNC_PF_BY_INTERRUPT;
    u64 first[ARRAY_SIZE(msrs)] = {0};

    start(0x40000000, 0x40000001, ALL);
    kvm_find();
    for (area.number = 0; area.number < 2; area.number++) {
        kvm_enable_records();
        for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
            u64 value = last_written(msrs[i]);

            if (msrs[i] == MSR_KVM_ASYNC_PF_EN) {
                CHECK_EQ(value % 64, page_fault | KVM_MSR_ENABLED);
                value -= page_fault;
            }
            CHECK_EQ(value % 4, KVM_MSR_ENABLED);
            CHECK(value - KVM_MSR_ENABLED + VIRT_BASE >= (u64)&kvm_records[area.number]);
            CHECK(value - KVM_MSR_ENABLED + VIRT_BASE < (u64)&kvm_records[area.number + 1]);
            CHECK(value != first[i]);
            first[i] = value;
        }
        CHECK_EQ(last_written(MSR_KVM_STEAL_TIME) % 64, KVM_MSR_ENABLED);
        CHECK_EQ(last_written(MSR_KVM_POLL_CONTROL), KVM_POLL_BY_HOST);
        CHECK_EQ(last_written(MSR_KVM_ASYNC_PF_INT), VECTOR_PAGE_READY);
    }
    area.number = 1;
    waits_ended = 0;
    kvm_disable_records();
    CHECK_EQ(waits_ended, 1);
    for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
        CHECK_EQ(last_written(msrs[i]), 0);
    CHECK(!kvm_writes(1, ~0u));
    CHECK(kvm_writes(0, KVM_FEATURE_STEAL_TIME));
    CHECK_EQ(host.warnings, 0);
    kvm_forget_records(0);
    CHECK_EQ(waits_ended, 2);
}

/* Where a page that is there is reported by a #PF too, as the first versions did. */
static void page_faults_need_both_features(void)
{
    start(0x40000000, 0x40000001, ALL & ~KVM_FEATURE_ASYNC_PF);
    kvm_find();
    kvm_enable_records();
    CHECK_EQ(last_written(MSR_KVM_ASYNC_PF_EN), ~0ull);
    start(0x40000000, 0x40000001, ALL & ~KVM_FEATURE_ASYNC_PF_INT);
    kvm_find();
    kvm_enable_records();
    CHECK_EQ(last_written(MSR_KVM_ASYNC_PF_EN), ~0ull);
    start(0x40000000, 0x40000001, ALL);
    kvm_find();
    host.refused = MSR_KVM_ASYNC_PF_INT;
    kvm_enable_records();
    CHECK_EQ(last_written(MSR_KVM_ASYNC_PF_EN), ~0ull);
    CHECK_EQ(host.warnings, 1);
}

static void only_what_is_offered_is_used(void)
{
    start(0x40000000, 0x40000001, KVM_FEATURE_CLOCKSOURCE);
    kvm_find();
    kvm_enable_records();
    CHECK_EQ(host.nr_writes, 1);
    CHECK_EQ(last_written(MSR_KVM_SYSTEM_TIME) & 1, KVM_MSR_ENABLED);
    CHECK_EQ(kvm_clock_msrs()->wall, MSR_KVM_WALL_CLOCK);
    start(0x40000000, 0x40000001, 0);
    CHECK(kvm_find());
    kvm_enable_records();
    kvm_disable_records();
    CHECK_EQ(host.nr_writes, 0);
}

static void a_refused_feature_is_not_used(void)
{
    start(0x40000000, 0x40000001, ALL);
    kvm_find();
    host.refused = MSR_KVM_STEAL_TIME;
    kvm_enable_records();
    CHECK_EQ(host.warnings, 1);
    CHECK(!kvm_offers(KVM_FEATURE_STEAL_TIME));
    CHECK(!kvm_offers(KVM_FEATURE_PV_TLB_FLUSH)); /* which needs that record */
    CHECK(!kvm_writes(0, KVM_FEATURE_STEAL_TIME));
    CHECK(kvm_writes(0, KVM_FEATURE_PV_EOI));
    host.nr_writes = 0;
    host.refused = 0;
    kvm_disable_records();
    CHECK_EQ(last_written(MSR_KVM_STEAL_TIME), ~0ull);
    CHECK_EQ(last_written(MSR_KVM_PV_EOI_EN), 0);
    CHECK_EQ(last_written(MSR_KVM_SYSTEM_TIME_NEW), 0);
}

/* ---- The clock ----------------------------------------------------------------------------- */

static volatile struct pvclock_time record;
static u32 reads;

/* KVM updates the record at the reader's first step, and is in the middle of another at the next.
 */
static u64 tsc_while_kvm_writes(void)
{
    switch (reads++) {
    case 0:
        record.version += 2;
        record.system_time = 5000;
        break;
    case 1:
        record.version += 1;
        record.system_time = 1;
        break;
    case 3:
        record.version += 1;
        record.system_time = 7000;
        record.flags = PVCLOCK_TSC_STABLE;
        break;
    }
    return 100;
}

static void the_clock_is_read_again_while_kvm_writes(void)
{
    u8 flags = 0;

    record = (struct pvclock_time){.version = 2, .system_time = 3000, .tsc_timestamp = 100};
    CHECK_EQ(pvclock_ns(&record, tsc_while_kvm_writes, &flags), 7000);
    CHECK_EQ(reads, 5);
    CHECK_EQ(flags, PVCLOCK_TSC_STABLE);
}

static void rates_are_those_of_the_record(void)
{
    const struct pvclock_time ghz = {.mul = 1u << 31, .shift = 1}; /* one tick is 1 ns */
    const struct pvclock_time two = {.mul = 1u << 31, .shift = 0};
    const struct pvclock_time quarter = {.mul = 1u << 31, .shift = 3};
    const struct pvclock_time none = {0}, absurd = {.mul = 1, .shift = 127};
    const struct pvclock_time four = {.mul = 1u << 31, .shift = -1};

    CHECK_EQ(pvclock_tsc_khz(&ghz), 1000000);
    CHECK_EQ(pvclock_tsc_khz(&two), 2000000);
    CHECK_EQ(pvclock_tsc_khz(&quarter), 250000);
    CHECK_EQ(pvclock_tsc_khz(&four), 4000000);
    CHECK_EQ(pvclock_tsc_khz(&none), 0);
    CHECK_EQ(pvclock_tsc_khz(&absurd), 0);
}

int main(void)
{
    area.self = &area;
    syscall(SYS_arch_prctl, ARCH_SET_GS, &area);
    RUN(it_is_found_after_hyperv);
    RUN(absurd_maxima_do_no_harm);
    RUN(cpus_that_are_never_preempted_spin);
    RUN(records_are_given_and_taken_back);
    RUN(page_faults_need_both_features);
    RUN(only_what_is_offered_is_used);
    RUN(a_refused_feature_is_not_used);
    RUN(the_clock_is_read_again_while_kvm_writes);
    RUN(rates_are_those_of_the_record);
    return finish("kvm");
}
