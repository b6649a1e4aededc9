/* SPDX-License-Identifier: MIT */
/*
 * Hyper-V's interface to a guest of KVM: the leaves of all that this KVM offers of it
 * (KVM_GET_SUPPORTED_HV_CPUID), with the synthetic interrupt controller enabled, in place of KVM's.
 * KVM grants exactly what the leaves offer (KVM_CAP_HYPERV_ENFORCE_CPUID). The guest's report of a
 * crash is printed on standard error.
 */
#include "vmm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    LEAVES = 0x40000000,
    LAST_LEAF = 0x40000005,
    MSRS = 0x40000000,
    NR_MSRS = 0x108, /* up to those of crashes */
    VP_INDEX = 0x40000002,
    CRASH_P0 = 0x40000100,
    CRASH_CONTROL = 0x40000105,
    NR_ENTRIES = 32,
    INVALID_CALL = 2,
};

#define CRASH_NOTIFY (1ull << 63)

static uint32_t hidden[4], shown[4]; /* eax to edx of leaf 0x40000003, then eax of 0x40000004 */
static uint8_t denied[(NR_MSRS + 63) / 64 * 8];
static int denies;

enum { REGISTERS = 4 };

/* Return the place of a register that is named by its leaf's last digit and its letter: "3a". */
static uint32_t *register_of(uint32_t *set, const char *name)
{
    static const char names[REGISTERS][3] = {"3a", "3b", "3d", "4a"};

    for (int i = 0; i < REGISTERS; i++)
        if (!strncmp(name, names[i], 2) && name[2] == ':')
            return &set[i];
    end(EXIT_FAULT, "the unknown register %s: 3a, 3b, 3d and 4a are known", name);
}

int hyperv_read_option(const char *word)
{
    if (!strncmp(word, "hide=", 5)) {
        *register_of(hidden, word + 5) |= (uint32_t)strtoul(word + 8, NULL, 16);
    } else if (!strncmp(word, "show=", 5)) {
        *register_of(shown, word + 5) |= (uint32_t)strtoul(word + 8, NULL, 16);
    } else if (!strncmp(word, "deny=", 5)) {
        const unsigned long msr = strtoul(word + 5, NULL, 16) - MSRS;

        if (msr >= NR_MSRS)
            end(EXIT_FAULT, "%s, which is not an MSR of Hyper-V", word);
        denied[msr / 8] |= (uint8_t)(1 << msr % 8);
        denies = 1;
    } else {
        return 0;
    }
    return 1;
}

void hyperv_filter(struct kvm_msr_filter_range *range)
{
    static uint8_t allowed[sizeof(denied)];

    for (size_t i = 0; i < sizeof(denied); i++)
        allowed[i] = (uint8_t)~denied[i];
    if (denies)
        *range = (struct kvm_msr_filter_range){KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, NR_MSRS,
                                               MSRS, allowed};
}

static void enable(int vcpu, uint32_t cap, uint64_t argument, const char *name)
{
    const struct kvm_enable_cap enable = {.cap = cap, .args = {argument}};

    must(ioctl(vcpu, KVM_ENABLE_CAP, &enable), name);
}

static void change(uint32_t *reg, int which)
{
    *reg = (*reg & ~hidden[which]) | shown[which];
}

/* Add Hyper-V's leaves to those of a vCPU. */
void hyperv_add_leaves(int vcpu, struct kvm_cpuid2 *cpuid)
{
    struct kvm_cpuid2 *hv = calloc(1, sizeof(*hv) + NR_ENTRIES * sizeof(*hv->entries));

    enable(vcpu, KVM_CAP_HYPERV_SYNIC2, 0, "KVM_CAP_HYPERV_SYNIC2");
    enable(vcpu, KVM_CAP_HYPERV_ENFORCE_CPUID, 1, "KVM_CAP_HYPERV_ENFORCE_CPUID");
    hv->nent = NR_ENTRIES;
    must(ioctl(vcpu, KVM_GET_SUPPORTED_HV_CPUID, hv), "KVM_GET_SUPPORTED_HV_CPUID");
    for (uint32_t i = 0; i < hv->nent; i++) {
        struct kvm_cpuid_entry2 e = hv->entries[i];

        if (e.function > LAST_LEAF)
            continue;
        if (e.function == LEAVES) {
            e.eax = options.has_leaf ? options.leaf : LAST_LEAF;
            memcpy(&e.ebx, "Microsoft Hv", 12); /* ebx, ecx and edx are contiguous */
        } else if (e.function == LEAVES + 3) {
            change(&e.eax, 0);
            change(&e.ebx, 1);
            change(&e.edx, 2);
        } else if (e.function == LEAVES + 4) {
            change(&e.eax, 3);
        }
        cpuid->entries[cpuid->nent++] = e;
    }
    free(hv);
}

static void set_msr(int vcpu, uint32_t index, uint64_t value)
{
    struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(*msrs->entries));

    msrs->nmsrs = 1;
    msrs->entries[0] = (struct kvm_msr_entry){.index = index, .data = value};
    if (ioctl(vcpu, KVM_SET_MSRS, msrs) != 1)
        end(EXIT_FAULT, "KVM_SET_MSRS of MSR 0x%x", index);
    free(msrs);
}

/* After the leaves are set: the index of the vCPU, and that a crash can be reported. */
void hyperv_set_up(int vcpu, uint32_t id)
{
    set_msr(vcpu, VP_INDEX, options.vp + id);
    set_msr(vcpu, CRASH_CONTROL, CRASH_NOTIFY);
}

void hyperv_on_exit(struct kvm_run *run)
{
    if (run->hyperv.type == KVM_EXIT_HYPERV_HCALL)
        run->hyperv.u.hcall.result = INVALID_CALL;
}

void hyperv_on_crash(int vcpu)
{
    struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + sizeof(*msrs->entries));

    msrs->nmsrs = 1;
    msrs->entries[0].index = CRASH_P0;
    if (ioctl(vcpu, KVM_GET_MSRS, msrs) == 1)
        fprintf(stderr, "vmm: the guest reported a crash, status %llu\n",
                (unsigned long long)msrs->entries[0].data);
    free(msrs);
}
