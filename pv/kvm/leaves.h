/* SPDX-License-Identifier: MIT */
/* Find KVM's CPUID leaves. This is pure code, which test/host/test_kvm.c runs on the host. */
#ifndef PV_KVM_LEAVES_H
#define PV_KVM_LEAVES_H

#include "lib/types.h"
#include "pv/cpuid.h"

enum {
    KVM_LEAF_FIRST = 0x40000000,
    KVM_LEAF_END = 0x40010000,
    KVM_LEAF_STEP = 0x100,
    KVM_NAME_EBX = 0x4b4d564b, /* "KVMK" */
    KVM_NAME_ECX = 0x564b4d56, /* "VMKV" */
    KVM_NAME_EDX = 0x4d,       /* "M" */
};

struct kvm_leaves {
    u32 base; /* 0: there is no KVM */
    u32 features, hints;
};

static inline bool kvm_is_named_by(const struct cpuid_regs *r)
{
    return r->ebx == KVM_NAME_EBX && r->ecx == KVM_NAME_ECX && r->edx == KVM_NAME_EDX;
}

/*
 * Return KVM's leaves. They are at 0x40000000, or above if KVM shows Hyper-V's leaves first. eax of
 * the first leaf is the largest one; old versions report 0 and have one more. Only that one is
 * read, so a maximum that is too large does no harm; one below it means that no feature is offered.
 */
static inline struct kvm_leaves kvm_find_leaves(struct cpuid_regs (*read)(u32 leaf, u32 subleaf))
{
    struct kvm_leaves found = {0};

    for (u32 base = KVM_LEAF_FIRST; base < KVM_LEAF_END; base += KVM_LEAF_STEP) {
        const struct cpuid_regs first = read(base, 0);

        if (!kvm_is_named_by(&first))
            continue;
        found.base = base;
        if (!first.eax || first.eax > base) {
            const struct cpuid_regs r = read(base + 1, 0);

            found.features = r.eax;
            found.hints = r.edx;
        }
        break;
    }
    return found;
}

#endif
