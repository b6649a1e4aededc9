/* SPDX-License-Identifier: MIT */
/*
 * VMware's backdoor, on the platform that has it: what it offers is used, and what it does not
 * offer is recognized.
 */
#include "pv/vmware/backdoor.h"
#include "kernel/smp.h"
#include "lib/string.h"
#include "pv/apic_regs.h"
#include "pv/vmware/vmware.h"
#include "test/harness/cpus.h"

enum {
    COMMAND_UNKNOWN = 0x7f,
    MSR_APIC_BASE = 0x1b,
    APIC_BASE_X2APIC = 1 << 10,
};

#define NEEDS_VMWARE \
    do { \
        if (strcmp(pv_backend_name(), "vmware")) \
            SKIP("not on VMware"); \
    } while (0)

TEST(vmware, the_backdoor_answers_or_refuses, early_init, banner)
{
    struct vmware_answer a;
    char text[64];

    NEEDS_VMWARE;
    a = vmware_get(VMWARE_GET_VERSION);
    EXPECT_EQ(a.ebx, VMWARE_MAGIC);
    EXPECT(a.eax != VMWARE_NONE && a.eax != VMWARE_MAGIC);
    a = vmware_get(COMMAND_UNKNOWN);
    EXPECT_EQ(a.eax, VMWARE_NONE);
    EXPECT_EQ(a.ebx, VMWARE_NONE);
    pv_banner(text, sizeof(text));
    EXPECT(glob_match("VMware, backdoor version ?*", text));
}

/*
 * Without a hypervisor's word an interrupt of x2APIC mode needs interrupt remapping; in xAPIC mode
 * each access to a register is an access to memory, which a hypervisor has to decode.
 */
TEST(vmware, x2apic_mode_follows_the_backdoor, irq_init, apic_read)
{
    const u32 offers = VCPU_INFO_LEGACY_X2APIC;
    struct pv_features features;
    u64 base = 0;
    u32 info, id;

    NEEDS_VMWARE;
    info = vmware_get(VMWARE_GET_VCPU_INFO).eax;
    pv_cpu_features(&features);
    REQUIRE(pv_read_msr_safe(MSR_APIC_BASE, &base) == 0);
    EXPECT_EQ(!!(base & APIC_BASE_X2APIC),
              features.x2apic && (info & (VCPU_INFO_RESERVED | offers)) == offers);
    EXPECT_EQ(pv_apic_read(APIC_ID, &id), 0);
    print("# the registers of the local APIC are %s\n",
          base & APIC_BASE_X2APIC ? "MSRs" : "memory");
}

TEST(vmware, clock_has_the_backdoors_rate_where_offered, time_init, clock_source)
{
    struct vmware_answer a;

    NEEDS_VMWARE;
    a = vmware_get(VMWARE_GET_HZ);
    print("# rates are %s\n", a.ebx == VMWARE_NONE ? "not offered" : "offered");
    EXPECT_EQ(glob_match("TSC, *, by VMware's backdoor", pv_clock_source()), a.ebx != VMWARE_NONE);
}

static void expect_steal_clock(void *offered)
{
    EXPECT_EQ(vmware_has_steal_clock(), *(const bool *)offered);
    EXPECT(*(const bool *)offered || !pv_steal_ns());
}

/* To ask for a clock at no address shows whether the command exists, and enables nothing. */
TEST(vmware, steal_clock_counts_on_each_cpu_where_offered, steal_ns, cpu_enter)
{
    bool offered;

    NEEDS_VMWARE;
    offered = vmware_call(VMWARE_STEAL_CLOCK, 0, 0, 0).eax != VMWARE_NONE;
    EXPECT_EQ(smp_call_many(online_cpus(), expect_steal_clock, &offered), smp_online_count());
    print("# steal clock %s: %llu ns\n", offered ? "offered" : "not offered",
          (unsigned long long)pv_steal_ns());
}
