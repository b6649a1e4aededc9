/* SPDX-License-Identifier: MIT */
/*
 * pv/hyperv/ on hypervisors that no emulator shows: CPUID leaves with a maximum that cannot be, a
 * feature that is offered and refused by its MSR or its hypercall, virtual processors with indexes
 * above 63, a page of the clock that is written while it is read.
 */
#include "harness.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pv/native/io.h"

static struct cpuid_regs cpuid_of_host(u32 leaf, u32 subleaf);
#define cpuid            cpuid_of_host
#define irq_save()       0ull
#define irq_restore(was) ((void)(was))
#include "pv/hyperv/calls.c"
#include "pv/hyperv/features.c"
#undef cpuid

#include "pv/hyperv/clock.h"

static struct pv_cpu_area area;

/* ---- The hypervisor ------------------------------------------------------------------------ */

enum { MSRS = 16, ALL_ACCESS = 0xaff, ALL_HAS = 0x80500, ALL_HINTS = 0xe2c, CALLS = 8 };

static struct {
    u32 most, interface, access, has, hints, ecx1;
    u32 refused; /* an MSR */
    u64 values[MSRS];
    u32 written[MSRS], nr_writes, warnings;
    u64 flushed, sent, up; /* by the native ops; CPUs that are online */
} host;

/* The hypercall page calls this: what was asked for, and the answer. */
u64 host_asked[CALLS][3], host_status;
u32 host_calls;
u64 host_hypercall(u64 control, u64 input, u64 output);

u64 host_hypercall(u64 control, u64 input, u64 output)
{
    CHECK(host_calls < CALLS);
    host_asked[host_calls][0] = control;
    host_asked[host_calls][1] = input;
    host_asked[host_calls++][2] = output;
    return host_status;
}

__asm__(".text\n"
        ".balign 4096\n"
        ".globl hyperv_hypercall_page\n"
        "hyperv_hypercall_page:\n\t"
        "pushq %rbp\n\t"
        "movq %rsp, %rbp\n\t"
        "andq $-16, %rsp\n\t"
        "pushq %rsi\n\t"
        "pushq %rdi\n\t"
        "movq %rdx, %rsi\n\t"
        "movq %rcx, %rdi\n\t"
        "movq %r8, %rdx\n\t"
        "call host_hypercall\n\t"
        "popq %rdi\n\t"
        "popq %rsi\n\t"
        "leave\n\t"
        "ret\n");

static struct cpuid_regs cpuid_of_host(u32 leaf, u32 subleaf)
{
    (void)subleaf;
    switch (leaf) {
    case 1:
        return (struct cpuid_regs){.ecx = host.ecx1};
    case HV_LEAF_VENDOR:
        return (struct cpuid_regs){host.most, 0x7263694d, 0x666f736f, 0x76482074};
    case HV_LEAF_INTERFACE:
        return (struct cpuid_regs){.eax = host.interface};
    case HV_LEAF_FEATURES:
        return (struct cpuid_regs){.eax = host.access, .edx = host.has};
    case HV_LEAF_HINTS:
        return (struct cpuid_regs){.eax = host.hints};
    default:
        return (struct cpuid_regs){0};
    }
}

int native_write_msr_safe(u32 msr, u64 value)
{
    if (msr == host.refused)
        return -EIO;
    CHECK(host.nr_writes < MSRS);
    host.written[host.nr_writes] = msr;
    host.values[host.nr_writes++] = value;
    return 0;
}

int native_read_msr_safe(u32 msr, u64 *value)
{
    *value = 70 + area.number;
    return msr == host.refused ? -EIO : 0;
}

void pv_warn(const char *fmt, ...)
{
    (void)fmt;
    host.warnings++;
}

bool pv_cpus_are_up(u64 cpus)
{
    return !(cpus & ~host.up);
}

bool native_cpu_is_up(u32 cpu)
{
    return cpu < PV_CPUS_MAX && host.up >> cpu & 1;
}

int native_flush_tlb_others(u64 cpus, u64 va)
{
    (void)va;
    host.flushed |= cpus;
    return 0;
}

void native_send_to_each(u64 cpus, u32 vector)
{
    (void)vector;
    host.sent |= cpus;
}

s64 native_balloon_adjust(pfn_t first, u64 count, bool give)
{
    (void)first, (void)count, (void)give;
    return -ENODEV;
}

void (*native_send_to_set)(u64 cpus, u32 vector);

static void start(void)
{
    memset(&host, 0, sizeof(host));
    memset(hyperv_used, 0, sizeof(hyperv_used));
    host.most = HV_LEAF_LEAST;
    host.interface = HV_INTERFACE;
    host.access = ALL_ACCESS;
    host.has = ALL_HAS;
    host.hints = ALL_HINTS;
    host.ecx1 = CPUID1_ECX_HYPERVISOR;
    host.up = ~0ull;
    host_status = 0;
    host_calls = 0;
    area.number = 0;
    for (u32 i = 0; i < PV_CPUS_MAX; i++)
        hyperv_vp_index[i] = i;
    CHECK(hyperv_find());
}

static bool wrote(u32 msr)
{
    for (u32 i = 0; i < host.nr_writes; i++)
        if (host.written[i] == msr)
            return true;
    return false;
}

/* ---- CPUID --------------------------------------------------------------------------------- */

static void all_that_is_offered_is_found(void)
{
    start();
    CHECK(hyperv_offers((HYPERV_SETS << 1) - 1));
    host.interface = 0x1007afb; /* KVM's features, at the same leaf */
    CHECK(!hyperv_find());
    CHECK(!hyperv_offers(HYPERV_COUNTER));
    host.interface = HV_INTERFACE;
    host.ecx1 = 0; /* without a hypervisor these leaves are those of the CPU's own largest */
    CHECK(!hyperv_find());
}

static void absurd_maxima_do_no_harm(void)
{
    static const struct {
        u32 most;
        bool offers;
    } cases[] = {
        {0, false},          {1, false},         {0x3fffffff, false}, {0x40000000, false},
        {0x40000004, false}, {0x40000005, true}, {0x4fffffff, true},  {0xffffffff, true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        start();
        host.most = cases[i].most;
        CHECK(hyperv_find());
        CHECK_EQ(hyperv_offers(HYPERV_COUNTER), cases[i].offers);
    }
}

static void a_feature_needs_all_that_it_is_made_of(void)
{
    start();
    host.access &= ~HV_ACCESS_COUNTER;
    CHECK(hyperv_find());
    CHECK(!hyperv_offers(HYPERV_TSC_PAGE));
    CHECK(!hyperv_offers(HYPERV_TIMERS));
    CHECK(!hyperv_offers(HYPERV_DIRECT_TIMERS));
    CHECK(hyperv_offers(HYPERV_FLUSH | HYPERV_ASSIST_PAGE));
    start();
    host.access &= ~HV_ACCESS_VP_INDEX;
    CHECK(hyperv_find());
    CHECK(hyperv_offers(HYPERV_HYPERCALLS));
    CHECK(!hyperv_offers(HYPERV_FLUSH));
    CHECK(!hyperv_offers(HYPERV_IPI));
    start();
    host.has &= ~HV_HAS_RATES;
    host.hints &= ~HV_HINT_APIC_MSRS;
    CHECK(hyperv_find());
    CHECK(!hyperv_offers(HYPERV_RATES));
    CHECK(!hyperv_offers(HYPERV_EOI_MSR));
    CHECK(hyperv_offers(HYPERV_ASSIST_PAGE));
    start();
    host.access &= ~HV_ACCESS_SYNIC;
    CHECK(hyperv_find());
    CHECK(!hyperv_offers(HYPERV_TIMERS));
    CHECK(hyperv_offers(HYPERV_DIRECT_TIMERS));
}

/* ---- Refusals ------------------------------------------------------------------------------ */

static void a_refused_msr_takes_what_needs_it_away(void)
{
    start();
    host.refused = MSR_HV_HYPERCALL;
    hyperv_enable_calls();
    CHECK_EQ(host.warnings, 1);
    CHECK(wrote(MSR_HV_GUEST_OS_ID));
    CHECK(!hyperv_offers(HYPERV_HYPERCALLS));
    CHECK(!hyperv_offers(HYPERV_FLUSH));
    CHECK(!hyperv_offers(HYPERV_IPI));
    CHECK(!hyperv_offers(HYPERV_SETS));
    CHECK(hyperv_offers(HYPERV_VP_INDEX | HYPERV_TSC_PAGE | HYPERV_TIMERS));
    CHECK_EQ(hyperv_host_ops.flush_tlb_others(6, ~0ull), 0);
    CHECK_EQ(host.flushed, 6);
    CHECK_EQ(hyperv_send_ipi(2, PV_IPI_CALL), 0);
    CHECK_EQ(host.sent, 4);
    CHECK_EQ(host_calls, 0);
    start();
    host.refused = MSR_HV_VP_INDEX;
    hyperv_read_vp_index();
    CHECK(!hyperv_offers(HYPERV_FLUSH));
    CHECK(hyperv_offers(HYPERV_HYPERCALLS));
}

static void a_refused_hypercall_is_not_made_again(void)
{
    start();
    host_status = 6; /* access denied */
    CHECK_EQ(hyperv_host_ops.flush_tlb_others(6, ~0ull), 0);
    CHECK_EQ(host.flushed, 6);
    CHECK(!hyperv_offers(HYPERV_FLUSH));
    CHECK(hyperv_offers(HYPERV_IPI));
    CHECK_EQ(hyperv_send_ipi(1, PV_IPI_CALL), 0);
    CHECK_EQ(host.sent, 2);
    CHECK(!hyperv_offers(HYPERV_IPI));
    CHECK_EQ(host.warnings, 2);
    CHECK_EQ(host_calls, 2);
    CHECK_EQ(hyperv_host_ops.flush_tlb_others(6, ~0ull), 0);
    CHECK_EQ(hyperv_send_ipi(1, PV_IPI_CALL), 0);
    CHECK_EQ(host_calls, 2);
    CHECK_EQ(hyperv_used[HYPERV_USED_FLUSH] + hyperv_used[HYPERV_USED_IPI], 0);
}

static void wrong_cpus_are_refused(void)
{
    start();
    host.up = 7;
    CHECK_EQ(hyperv_host_ops.flush_tlb_others(8, ~0ull), -ENODEV);
    CHECK_EQ(hyperv_send_ipi(3, PV_IPI_CALL), -EINVAL);
    CHECK_EQ(hyperv_send_ipi(64, PV_IPI_CALL), -EINVAL);
    CHECK_EQ(hyperv_send_ipi(1, PV_NR_IPIS), -EINVAL);
    CHECK_EQ(host_calls, 0);
}

/* ---- Hypercalls ---------------------------------------------------------------------------- */

static void a_mask_names_the_first_64(void)
{
    const u64 *const input = inputs[0].words;

    start();
    CHECK_EQ(hyperv_host_ops.flush_tlb_others(0xf1, ~0ull), 0);
    CHECK_EQ(host_asked[0][0], HV_FLUSH_SPACE);
    CHECK_EQ(host_asked[0][1] + VIRT_BASE, (u64)input);
    CHECK_EQ(input[0], 0);
    CHECK_EQ(input[1], HV_FLUSH_ALL_SETS);
    CHECK_EQ(input[2], 0xf0); /* not this CPU */
    CHECK_EQ(hyperv_host_ops.flush_tlb_others(2, 0x123456), 0);
    CHECK_EQ(host_asked[1][0], HV_FLUSH_LIST | HV_CALL_ONE_REP);
    CHECK_EQ(input[3], 0x123000);
    CHECK_EQ(hyperv_send_ipi(63, PV_IPI_STOP), 0);
    CHECK_EQ(host_asked[2][0], HV_SEND_IPI | HV_CALL_FAST);
    CHECK_EQ(host_asked[2][1], VECTOR_IPIS + PV_IPI_STOP);
    CHECK_EQ(host_asked[2][2], 1ull << 63);
    CHECK_EQ(host.flushed | host.sent, 0);
    CHECK_EQ(hyperv_used[HYPERV_USED_FLUSH], 2);
    CHECK_EQ(hyperv_used[HYPERV_USED_IPI], 1);
    CHECK_EQ(hyperv_used[HYPERV_USED_SETS], 0);
}

/* CPU 1 is 5, CPU 2 is 64, CPU 3 is 511, CPU 4 is 512, which no set holds. */
static void start_with_high_indexes(void)
{
    start();
    hyperv_vp_index[1] = 5;
    hyperv_vp_index[2] = 64;
    hyperv_vp_index[3] = 511;
    hyperv_vp_index[4] = 512;
}

static void a_sparse_set_has_its_banks_only(void)
{
    static const u64 wanted[] = {0, HV_FLUSH_ALL_SETS, 0, 0x83, 1ull << 5, 1, 1ull << 63, 0xabc000};
    const u64 *const input = inputs[0].words;

    start_with_high_indexes();
    CHECK_EQ(hyperv_host_ops.flush_tlb_others(0x1e, 0xabcdef), 0);
    CHECK_EQ(host_asked[0][0], HV_FLUSH_LIST_EX | HV_CALL_ONE_REP | 3ull << HV_CALL_BANKS_SHIFT);
    for (u32 i = 0; i < ARRAY_SIZE(wanted); i++)
        CHECK_EQ(input[i], wanted[i]);
    CHECK_EQ(host.flushed, 0x10);
    CHECK_EQ(hyperv_host_ops.flush_tlb_others(4, ~0ull), 0);
    CHECK_EQ(host_asked[1][0], HV_FLUSH_SPACE_EX | 1ull << HV_CALL_BANKS_SHIFT);
    CHECK_EQ(hyperv_send_ipi(3, PV_IPI_CALL), 0);
    CHECK_EQ(host_asked[2][0], HV_SEND_IPI_EX | 1ull << HV_CALL_BANKS_SHIFT);
    CHECK_EQ(input[0], VECTOR_IPIS + PV_IPI_CALL);
    CHECK_EQ(input[1], 0);
    CHECK_EQ(input[2], 0x80);
    CHECK_EQ(input[3], 1ull << 63);
    CHECK_EQ(hyperv_send_ipi(4, PV_IPI_CALL), 0);
    CHECK_EQ(host.sent, 0x10);
    CHECK_EQ(host_calls, 3);
    CHECK_EQ(hyperv_used[HYPERV_USED_SETS], 3);
}

static void without_sets_high_indexes_are_left_to_the_native_ops(void)
{
    start_with_high_indexes();
    host.hints &= ~HV_HINT_SETS;
    CHECK(hyperv_find());
    CHECK_EQ(hyperv_host_ops.flush_tlb_others(6, ~0ull), 0);
    CHECK_EQ(host.flushed, 6);
    CHECK_EQ(hyperv_send_ipi(2, PV_IPI_CALL), 0);
    CHECK_EQ(host.sent, 4);
    CHECK_EQ(hyperv_send_ipi(1, PV_IPI_CALL), 0);
    CHECK_EQ(host_calls, 1);
}

static void hypercalls_are_given_back(void)
{
    start();
    hyperv_enable_calls();
    hyperv_read_vp_index();
    CHECK_EQ(hyperv_vp_index[0], 70);
    CHECK_EQ(host.written[0], MSR_HV_GUEST_OS_ID); /* before the page: it is refused otherwise */
    CHECK_EQ(host.written[1], MSR_HV_HYPERCALL);
    CHECK_EQ(host.values[1] & 0xfff, HV_ENABLED);
    host.nr_writes = 0;
    hyperv_disable_calls();
    CHECK(wrote(MSR_HV_HYPERCALL) && wrote(MSR_HV_GUEST_OS_ID));
    CHECK_EQ(host.values[0] | host.values[1], 0);
}

/* ---- The clock ----------------------------------------------------------------------------- */

static volatile struct hv_tsc_page page;
static u32 reads;

/* The hypervisor changes the page at the reader's first step. */
static u64 tsc_while_it_is_written(void)
{
    if (!reads++) {
        page.sequence = 8;
        page.offset = 50;
    }
    return 1ull << 32;
}

static void the_clock_is_read_again_while_it_is_written(void)
{
    u64 ns = 0;

    page = (struct hv_tsc_page){.sequence = 7, .scale = 1ull << 32, .offset = 1000};
    CHECK(hv_page_ns(&page, tsc_while_it_is_written, &ns));
    CHECK_EQ(ns, 100 + 5000);
    CHECK_EQ(reads, 2);
    page.sequence = 0;
    CHECK(!hv_page_ns(&page, tsc_while_it_is_written, &ns));
    page.sequence = ~0u;
    CHECK(!hv_page_ns(&page, tsc_while_it_is_written, &ns));
}

static void the_clock_has_nanoseconds(void)
{
    const u64 scale = ~0ull / 250; /* 2.5 GHz: 250 ticks in 100 ns */

    CHECK_EQ(hv_scaled_ns(0, scale), 0);
    CHECK_EQ(hv_scaled_ns(2500000001, scale), 1000000000);
    CHECK_EQ(hv_scaled_ns(2500000003, scale), 1000000001);
}

int main(void)
{
    area.self = &area;
    syscall(SYS_arch_prctl, ARCH_SET_GS, &area);
    RUN(all_that_is_offered_is_found);
    RUN(absurd_maxima_do_no_harm);
    RUN(a_feature_needs_all_that_it_is_made_of);
    RUN(a_refused_msr_takes_what_needs_it_away);
    RUN(a_refused_hypercall_is_not_made_again);
    RUN(wrong_cpus_are_refused);
    RUN(a_mask_names_the_first_64);
    RUN(a_sparse_set_has_its_banks_only);
    RUN(without_sets_high_indexes_are_left_to_the_native_ops);
    RUN(hypercalls_are_given_back);
    RUN(the_clock_is_read_again_while_it_is_written);
    RUN(the_clock_has_nanoseconds);
    return finish("hyperv");
}
