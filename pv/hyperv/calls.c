/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: flushes of other CPUs' TLBs, and IPIs.
 *
 * The hypervisor fills the hypercall page once the guest has said which kernel it is. A hypercall
 * names a CPU by its virtual processor index, which the CPU reads from an MSR when it starts. The
 * input is in registers, or in memory that does not cross a page: each CPU has a record for it,
 * which it uses with interrupts disabled.
 *
 * A flush by hypercall reaches a CPU that does not run without waiting for it: the hypervisor
 * flushes its TLB before it runs again. With the native shoot-down the caller waits until that CPU
 * has run and answered.
 */
#include "lib/address_map.h"
#include "pv/hyperv/hyperv.h"
#include "pv/hyperv/vpset.h"
#include "pv/native/io.h"
#include "pv/native/ipi.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

extern const u8 hyperv_hypercall_page[]; /* page.S */

u32 hyperv_vp_index[PV_CPUS_MAX]; /* Per CPU: written by the CPU as it starts, read by others */

static u64 hypercalls; /* Atomic: added to by atomic instructions */

/* Per CPU: the input of its hypercalls. The hypervisor reads it. */
static struct hypercall_input {
    u64 words[16];
} inputs[PV_CPUS_MAX] __aligned(128);

/* Make a hypercall. input, output: physical addresses, or the input itself if it is fast. */
static u64 hypercall(u64 control, u64 input, u64 output)
{
    register u64 third __asm__("r8") = output;
    u64 result;

    __atomic_fetch_add(&hypercalls, 1, __ATOMIC_RELAXED);
    __asm__ volatile("call hyperv_hypercall_page"
                     : "=a"(result), "+c"(control), "+d"(input), "+r"(third)
                     :
                     : "r9", "r10", "r11", "memory", "cc");
    return result & HV_CALL_STATUS;
}

static void send_to_set(u64 cpus, u32 vector);

/* ---- The page ---- */

void hyperv_enable_calls(void)
{
    const u64 pa = (u64)hyperv_hypercall_page - VIRT_BASE;

    if (hyperv_offers(HYPERV_HYPERCALLS) &&
        hyperv_set_msr(MSR_HV_GUEST_OS_ID, HV_GUEST_OS_ID, HYPERV_HYPERCALLS, "hypercalls"))
        hyperv_set_msr(MSR_HV_HYPERCALL, pa | HV_ENABLED, HYPERV_HYPERCALLS, "hypercalls");
    native_send_to_set = send_to_set;
}

/* Context: no other CPU makes a hypercall. */
void hyperv_disable_calls(void)
{
    if (!hyperv_offers(HYPERV_HYPERCALLS))
        return;
    native_write_msr_safe(MSR_HV_HYPERCALL, 0);
    native_write_msr_safe(MSR_HV_GUEST_OS_ID, 0);
}

void hyperv_read_vp_index(void)
{
    u64 index = 0;

    if (hyperv_offers(HYPERV_VP_INDEX) &&
        hyperv_get_msr(MSR_HV_VP_INDEX, &index, HYPERV_VP_INDEX, "indexes of CPUs"))
        hyperv_vp_index[pv_this_cpu()] = (u32)index;
}

static u64 own_input_pa(void)
{
    return (u64)&inputs[pv_this_cpu()] - VIRT_BASE;
}

/* Return whether a hypercall can name this set. */
static bool can_name(const struct vp_set *set)
{
    return set->valid && (vp_set_is_mask(set) || hyperv_offers(HYPERV_SETS));
}

/* ---- TLBs ---- */

/* Write the input of a flush; return the hypercall's control. va: as in flush_tlb_others. */
static u64 write_flush(u64 *input, const struct vp_set *set, u64 va)
{
    const bool one = va != ~0ull;
    u64 control = one ? HV_FLUSH_LIST | HV_CALL_ONE_REP : HV_FLUSH_SPACE;

    *input++ = 0;
    *input++ = HV_FLUSH_ALL_SETS;
    if (vp_set_is_mask(set)) {
        *input++ = set->banks[0];
    } else {
        const u64 words = vp_set_write(set, input);

        input += 2 + words;
        control = (one ? HV_FLUSH_LIST_EX | HV_CALL_ONE_REP : HV_FLUSH_SPACE_EX) |
                  words << HV_CALL_BANKS_SHIFT;
    }
    *input = ALIGN_DOWN(va, PAGE_SIZE); /* the low bits would be a number of more pages */
    return control;
}

/* Flush these CPUs' TLBs. Return the CPUs that are left. Context: interrupts disabled. */
static u64 flush_by_hypercall(u64 cpus, u64 va)
{
    struct vp_set set;
    const u64 left = vp_set_of(&set, cpus, hyperv_vp_index);
    u64 control;

    if (!can_name(&set))
        return cpus;
    control = write_flush(inputs[pv_this_cpu()].words, &set, va);
    if (hypercall(control, own_input_pa(), 0)) {
        hyperv_refused(HYPERV_FLUSH, "flushes of TLBs");
        return cpus;
    }
    hyperv_note_use(HYPERV_USED_FLUSH);
    if (!vp_set_is_mask(&set))
        hyperv_note_use(HYPERV_USED_SETS);
    return left;
}

static int hyperv_flush_tlb_others(u64 cpus, u64 va)
{
    cpus &= ~(1ull << pv_this_cpu());
    if (!pv_cpus_are_up(cpus))
        return -ENODEV;
    if (cpus && hyperv_offers(HYPERV_FLUSH))
        cpus = flush_by_hypercall(cpus, va);
    return native_flush_tlb_others(cpus, va);
}

static u64 hyperv_hypercall_count(u64 *updates)
{
    *updates = 0;
    return READ_ONCE(hypercalls);
}

const struct pv_host_ops hyperv_host_ops = {
    .flush_tlb_others = hyperv_flush_tlb_others,
    .balloon_adjust = native_balloon_adjust,
    .hypercall_count = hyperv_hypercall_count,
};

/* ---- IPIs ---- */

/* Send a vector to a set of CPUs. Return the status. Context: interrupts disabled. */
static u64 send_to_vps(const struct vp_set *set, u32 vector)
{
    u64 *const input = inputs[pv_this_cpu()].words;

    if (vp_set_is_mask(set))
        return hypercall(HV_SEND_IPI | HV_CALL_FAST, vector, set->banks[0]);
    hyperv_note_use(HYPERV_USED_SETS);
    input[0] = vector;
    return hypercall(HV_SEND_IPI_EX | (u64)vp_set_write(set, input + 1) << HV_CALL_BANKS_SHIFT,
                     own_input_pa(), 0);
}

/* Send a vector to these CPUs. Return the CPUs that are left. */
static u64 send_by_hypercall(u64 cpus, u32 vector)
{
    const u64 flags = irq_save();
    struct vp_set set;
    u64 left = vp_set_of(&set, cpus, hyperv_vp_index);

    if (!can_name(&set)) {
        left = cpus;
    } else if (send_to_vps(&set, vector)) {
        hyperv_refused(HYPERV_IPI, "IPIs");
        left = cpus;
    } else {
        hyperv_note_use(HYPERV_USED_IPI);
    }
    irq_restore(flags);
    return left;
}

static void send_to_set(u64 cpus, u32 vector)
{
    if (hyperv_offers(HYPERV_IPI))
        cpus = send_by_hypercall(cpus, vector);
    native_send_to_each(cpus, vector);
}

int hyperv_send_ipi(u32 cpu, enum pv_ipi kind)
{
    if (kind >= PV_NR_IPIS || cpu >= PV_CPUS_MAX || !native_cpu_is_up(cpu))
        return -EINVAL;
    send_to_set(1ull << cpu, VECTOR_IPIS + kind);
    return 0;
}
