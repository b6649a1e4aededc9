/* SPDX-License-Identifier: MIT */
/*
 * The features that Hyper-V, or another hypervisor with its interface, offers by CPUID. It may
 * offer one and refuse its MSR by #GP, or its hypercall by a status. That feature, and those that
 * need it, are then not used, with a warning, and the native ops do the work.
 */
#include "pv/hyperv/hyperv.h"
#include "pv/native/io.h"
#include "pv/native/native.h"

#define CPUID1_ECX_HYPERVISOR (1u << 31)

/* Atomic: read at boot; a CPU clears the bits of what is refused. */
static u32 offered;

u64 hyperv_used[HYPERV_NR_USES]; /* Atomic: added to by atomic instructions */

void hyperv_note_use(enum hyperv_use use)
{
    __atomic_fetch_add(&hyperv_used[use], 1, __ATOMIC_RELAXED);
}

bool hyperv_find(void)
{
    struct hyperv_leaves found = {0};

    if (cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR)
        found = hyperv_find_leaves(cpuid);
    offered = found.features;
    return found.present;
}

bool hyperv_offers(u32 features)
{
    return (READ_ONCE(offered) & features) == features;
}

void hyperv_refused(u32 features, const char *what)
{
    __atomic_fetch_and(&offered, ~features, __ATOMIC_SEQ_CST);
    for (u32 i = 0; i < ARRAY_SIZE(hyperv_needs); i++)
        if (!hyperv_offers(hyperv_needs[i].others))
            __atomic_fetch_and(&offered, ~hyperv_needs[i].feature, __ATOMIC_SEQ_CST);
    pv_warn("Hyper-V offers and refuses %s: not used", what);
}

bool hyperv_set_msr(u32 msr, u64 value, u32 feature, const char *what)
{
    if (!native_write_msr_safe(msr, value))
        return true;
    hyperv_refused(feature, what);
    return false;
}

bool hyperv_get_msr(u32 msr, u64 *value, u32 feature, const char *what)
{
    if (!native_read_msr_safe(msr, value))
        return true;
    hyperv_refused(feature, what);
    return false;
}
