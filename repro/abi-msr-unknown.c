/* SPDX-License-Identifier: MIT */
/*
 * A model-specific register that does not exist.
 *
 * @title     unknown MSRs read as 0 in 4.14 and fault since
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv xen-pvh qemu
 * @expect    4=good qemu=good
 *
 * Background: on hardware rdmsr of an MSR that does not exist raises #GP.
 *
 * Mechanism: up to 4.14 Xen returned the hardware register's value where it can be read, and 0
 * elsewhere. Since 4.15 it faults, unless the guest is configured with msr_relaxed.
 *
 * Verdicts: good: 0 up to 4.14 (the emulated CPU has every MSR, and reads 0), #GP since. On bare
 * metal under QEMU: 0. bad: another answer.
 *
 * Cannot tell: on real hardware 4.14 faults too.
 */
#include "repro/kit.h"

#define NO_SUCH_MSR 0x12345

REPRO("abi-msr-unknown")
{
    u64 value = ~0ull;
    const bool reads = kit_xen_version() < XEN_VERSION(4, 15);
    long error = KIT_NOT_MADE;

    STEP error = pv_read_msr_safe(NO_SUCH_MSR, &value);
    if (!error && value)
        bad("it reads as 0x%llx", (unsigned long long)value);
    expect("reading it", error, reads ? 0 : -EIO);
}
