/* SPDX-License-Identifier: MIT */
/*
 * The TLB shoot-down: how a CPU makes others forget translations (Intel SDM vol. 3, section
 * 4.10.5).
 *
 * A CPU caches translations in its TLB, and no instruction reaches another CPU's. After a kernel
 * takes a page away, another CPU may still read and write it by a cached translation, so the page
 * MUST NOT be used for anything else before each CPU that may have cached it has flushed. The
 * requester therefore asks them by an interrupt and waits for the answers:
 *
 *     requester                             each CPU that is asked
 *     ---------                             ----------------------
 *     take shootdown.busy
 *     va = the page, or all
 *     pending = a bit for each CPU
 *     send the IPI at VECTOR_FLUSH   --->   native_on_flush
 *     wait until pending is 0                 invlpg va, or flush all
 *                                    <---     clear its bit of pending
 *     release shootdown.busy
 *
 * The bit is cleared after the flush and never before: it is the answer, and the requester reuses
 * the page once it has seen it.
 *
 * Three cases need care:
 *
 * - Two CPUs ask each other. Both have interrupts disabled, so neither takes the other's IPI. The
 *   one that waits for busy answers requests by hand (native_tlb_flush_if_requested); its IPI is
 *   delivered later and finds nothing to do.
 * - A CPU goes offline after it was asked. It never answers. The requester clears its bit, because
 *   a CPU that starts again begins with an empty TLB.
 * - A CPU comes online while it is asked. Its IPI may have been lost with the INIT, so cpu_enter
 *   answers by hand.
 *
 * One request is under way at a time. That is slower than one for each pair of CPUs, as Linux has
 * it, and its state is one struct. Xen's backends ask Xen instead, which also knows which vCPUs do
 * not run and need no interrupt (pv/xen/pv/mmu.c, pv/xen/pvh/mmu.c).
 */
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/ipi.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

#define FLUSH_ALL (~0ull) /* in place of an address, as in the contract of flush_tlb_others */

/*
 * The request under way; finished when no bit is left in pending. Guarded by: busy, taken by an
 * atomic exchange; a CPU that is asked only clears its own bit of pending.
 */
static struct {
    u8 busy;
    u64 va, pending;
} shootdown;

void native_tlb_flush_if_requested(void)
{
    const u64 me = 1ull << pv_this_cpu();

    if (!(__atomic_load_n(&shootdown.pending, __ATOMIC_SEQ_CST) & me))
        return;
    if (shootdown.va == FLUSH_ALL)
        native_flush_tlb_kernel();
    else
        invlpg(shootdown.va);
    __atomic_fetch_and(&shootdown.pending, ~me, __ATOMIC_SEQ_CST);
}

void native_on_flush(struct trap_frame *frame)
{
    (void)frame;
    pv_apic_eoi();
    native_tlb_flush_if_requested();
}

/* Wait until every CPU has answered, or has gone offline: then answer in its place. */
static void wait_for_answers(void)
{
    u64 left;

    while ((left = __atomic_load_n(&shootdown.pending, __ATOMIC_SEQ_CST))) {
        const u32 first = (u32)__builtin_ctzll(left);

        if (!native_cpu_is_up(first))
            __atomic_fetch_and(&shootdown.pending, ~(1ull << first), __ATOMIC_SEQ_CST);
        __asm__ volatile("pause");
    }
}

/* Context: interrupts disabled, so this CPU answers requests by hand while it waits for busy. */
static void shoot_down(u64 cpus, u64 va)
{
    while (__atomic_exchange_n(&shootdown.busy, 1, __ATOMIC_SEQ_CST)) {
        native_tlb_flush_if_requested();
        __asm__ volatile("pause");
    }
    shootdown.va = va;
    __atomic_store_n(&shootdown.pending, cpus, __ATOMIC_SEQ_CST);
    native_send_to_set(cpus, VECTOR_FLUSH);
    wait_for_answers();
    __atomic_store_n(&shootdown.busy, 0, __ATOMIC_SEQ_CST);
}

int native_flush_tlb_others(u64 cpus, u64 va)
{
    const u64 flags = irq_save();
    bool up;

    cpus &= ~(1ull << pv_this_cpu());
    up = pv_cpus_are_up(cpus);
    if (up && cpus)
        shoot_down(cpus, va);
    irq_restore(flags);
    return up ? 0 : -ENODEV;
}
