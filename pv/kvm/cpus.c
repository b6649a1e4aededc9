/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs that KVM may preempt: waits for locks, IPIs, and flushes of TLBs.
 *
 * - A CPU that waits for a lock halts, with interrupts disabled if its caller has disabled them. A
 *   kick wakes it in either case. KVM remembers a kick until the next halt, so one that arrives
 *   before the halt ends it at once.
 * - One hypercall sends the IPI of a TLB flush to a set of CPUs.
 * - KVM sets "preempted" in a CPU's record when it stops running the CPU between two instructions,
 *   and before Linux 6.0 also while the CPU halts. Such a CPU need not be interrupted to flush its
 * TLB: a bit of the same byte asks KVM to flush it before the CPU runs again. The bit is set only
 * by an exchange that finds "preempted" still set, and KVM reads the byte by an exchange too, so no
 * request is lost.
 * - A CPU that waits for another to answer a call gives its time to that one if it is preempted.
 */
#include "pv/kvm/kvm.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/ipi.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

static bool is_amd; /* Written: by time_init, on one CPU */

/* The instruction of the other vendor works too, but KVM then emulates it after a #UD. */
static long hypercall(u64 number, u64 a, u64 b, u64 c, u64 d)
{
    long result;

    if (is_amd)
        __asm__ volatile("vmmcall"
                         : "=a"(result)
                         : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d)
                         : "memory");
    else
        __asm__ volatile("vmcall"
                         : "=a"(result)
                         : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d)
                         : "memory");
    return result;
}

/* ---- Locks ---- */

/* A CPU that is starting gets no kick yet (kvm_lock_kick), so it spins. */
static bool can_be_kicked(void)
{
    return kvm_offers(KVM_FEATURE_PV_UNHALT) && native_cpu_is_up(pv_this_cpu());
}

static void kvm_lock_wait(const u8 *byte, u8 value)
{
    const u64 flags = irq_save();

    if (!can_be_kicked() || READ_ONCE(*byte) != value) {
        irq_restore(flags);
        native_lock_wait(byte, value);
    } else if (flags & RFLAGS_IF) {
        native_safe_halt();
    } else {
        __asm__ volatile("hlt" ::: "memory");
    }
}

static void kvm_lock_kick(u32 cpu)
{
    if (kvm_offers(KVM_FEATURE_PV_UNHALT) && native_cpu_is_up(cpu))
        hypercall(KVM_HC_KICK_CPU, 0, native_apic_id(cpu), 0, 0);
}

static bool kvm_vcpu_is_preempted(u32 cpu)
{
    return cpu < PV_CPUS_MAX && cpu != pv_this_cpu() && kvm_writes(cpu, KVM_FEATURE_STEAL_TIME) &&
           READ_ONCE(kvm_records[cpu].steal.preempted) & KVM_VCPU_PREEMPTED;
}

const struct pv_lock_ops kvm_lock_ops = {
    .lock_wait = kvm_lock_wait,
    .lock_kick = kvm_lock_kick,
    .vcpu_is_preempted = kvm_vcpu_is_preempted,
};

/* ---- IPIs ---- */

/* Send a vector to the CPUs of a set, whose APIC ids are from `least` on, by one hypercall. */
static long send_to_ids(u32 least, u64 low, u64 high, u32 vector)
{
    return hypercall(KVM_HC_SEND_IPI, low, high, least, ICR_ASSERT | vector);
}

static void send_to_set(u64 cpus, u32 vector)
{
    u64 bits[2] = {0};
    u32 least = ~0u;

    for (u64 left = cpus; left; left &= left - 1)
        least = MIN(least, native_apic_id((u32)__builtin_ctzll(left)));
    for (u64 left = cpus; left; left &= left - 1) {
        const u32 cpu = (u32)__builtin_ctzll(left), bit = native_apic_id(cpu) - least;

        if (bit < KVM_IPI_CPUS)
            bits[bit / 64] |= 1ull << bit % 64;
        else
            native_send_vector(cpu, vector);
    }
    if (send_to_ids(least, bits[0], bits[1], vector) < 0) {
        kvm_refused(KVM_FEATURE_PV_SEND_IPI, "IPIs to a set of CPUs");
        native_send_to_set = native_send_to_each;
        native_send_to_each(cpus, vector);
    }
}

static int kvm_send_ipi(u32 cpu, enum pv_ipi kind)
{
    const int error = native_send_ipi(cpu, kind);

    if (!error && kind == PV_IPI_CALL && kvm_offers(KVM_FEATURE_PV_SCHED_YIELD) &&
        kvm_vcpu_is_preempted(cpu))
        hypercall(KVM_HC_SCHED_YIELD, native_apic_id(cpu), 0, 0, 0);
    return error;
}

/* Ask for a kick of this CPU, which ends its next halt at once: a refused kick would be missed. */
static bool kicks_work(void)
{
    return !hypercall(KVM_HC_KICK_CPU, 0, native_apic_own_id(), 0, 0);
}

void kvm_hypercalls_init(void)
{
    is_amd = cpuid(0, 0).ecx == 0x444d4163 || cpuid(0, 0).ecx == 0x656e6975; /* cAMD, uine */
    if (kvm_offers(KVM_FEATURE_PV_UNHALT) && !kicks_work())
        kvm_refused(KVM_FEATURE_PV_UNHALT, "kicks of halted CPUs");
    if (kvm_offers(KVM_FEATURE_PV_SEND_IPI))
        native_send_to_set = send_to_set;
    if (kvm_offers(KVM_FEATURE_MIGRATION_CONTROL))
        kvm_set_msr(MSR_KVM_MIGRATION_CONTROL, KVM_MIGRATION_READY, KVM_FEATURE_MIGRATION_CONTROL,
                    "control of its migration");
}

/* ---- TLBs ---- */

u64 kvm_flushes_by_host; /* Atomic: added to by atomic instructions */

/* Have KVM flush a CPU's TLB before the CPU runs again. Return false if the CPU may run. */
static bool flush_when_resumed(u32 cpu)
{
    u8 preempted = KVM_VCPU_PREEMPTED;

    if (!kvm_writes(cpu, KVM_FEATURE_STEAL_TIME))
        return false;
    if (READ_ONCE(kvm_records[cpu].steal.preempted) == (KVM_VCPU_PREEMPTED | KVM_VCPU_FLUSH_TLB))
        preempted |= KVM_VCPU_FLUSH_TLB;
    return __atomic_compare_exchange_n(&kvm_records[cpu].steal.preempted, &preempted,
                                       KVM_VCPU_PREEMPTED | KVM_VCPU_FLUSH_TLB, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static int kvm_flush_tlb_others(u64 cpus, u64 va)
{
    u64 running = cpus &= ~(1ull << pv_this_cpu());

    if (!pv_cpus_are_up(cpus))
        return -ENODEV;
    if (kvm_offers(KVM_FEATURE_PV_TLB_FLUSH))
        for (u64 left = cpus; left; left &= left - 1) {
            const u32 cpu = (u32)__builtin_ctzll(left);

            if (!flush_when_resumed(cpu))
                continue;
            __atomic_fetch_add(&kvm_flushes_by_host, 1, __ATOMIC_RELAXED);
            running &= ~(1ull << cpu);
        }
    return native_flush_tlb_others(running, va);
}

const struct pv_host_ops kvm_host_ops = {
    .flush_tlb_others = kvm_flush_tlb_others,
    .balloon_adjust = native_balloon_adjust,
    .hypercall_count = native_hypercall_count,
};

/* ---- Starting and stopping ---- */

static int kvm_cpu_up(u32 cpu, const struct pv_cpu_start *start)
{
    if (cpu < PV_CPUS_MAX && !native_cpu_is_up(cpu))
        kvm_forget_records(cpu);
    return native_cpu_up(cpu, start);
}

static void kvm_cpu_enter(void)
{
    native_cpu_enter();
    kvm_enable_records();
}

static void kvm_cpu_leave(void)
{
    kvm_disable_records();
    native_cpu_leave();
}

static int kvm_cpu_down(u32 cpu)
{
    const int error = native_cpu_down(cpu);

    if (!error)
        kvm_forget_records(cpu);
    return error;
}

const struct pv_smp_ops kvm_smp_ops = {
    .smp_prepare = native_smp_prepare,
    .cpu_count = native_cpu_count,
    .cpu_describe = native_cpu_describe,
    .cpu_up = kvm_cpu_up,
    .cpu_enter = kvm_cpu_enter,
    .cpu_leave = kvm_cpu_leave,
    .cpu_down = kvm_cpu_down,
    .cpu_is_up = native_cpu_is_up,
    .send_ipi = kvm_send_ipi,
    .send_nmi = native_send_nmi,
};
