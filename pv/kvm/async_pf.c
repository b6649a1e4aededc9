/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous page faults. The host may have moved a page of this guest to a disk. Where the guest
 * touches such a page with interrupts enabled, KVM fetches it in the background and raises #PF at
 * the instruction, with a reason in a record of this CPU and a token in CR2. That is not a page
 * fault of the guest: its thread only has to wait, and gives the CPU to others. When the page is
 * there, KVM puts the token into the record and sends an interrupt, and the thread executes the
 * instruction again.
 *
 * - With interrupts disabled KVM raises no such #PF. It stops the virtual CPU until the page is
 *   there.
 * - The interrupt is sent to the CPU that faulted. Because the thread may wait on another one
 * since, all waits are in one list, and an IPI ends the halt of the CPU that is named there.
 * - A CPU that takes its record back gets no more of these interrupts, so its waits end. A thread
 *   whose page is still missing faults once more.
 */
#include "pv/kvm/kvm.h"
#include "pv/callbacks.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/native/raw_lock.h"
#include "pv/native/vectors.h"
#include "pv/x86.h"

#define SWITCH_NS 20000 /* a yield that returns sooner found no other thread */

/* A thread that waits for a page, on its stack. */
struct page_wait {
    struct page_wait *next;
    u32 token, faulted_on; /* name the page */
    u32 cpu;               /* on which the thread is */
    bool ready;
};

static struct page_wait *waits; /* Guarded by: waits_busy */
static bool waits_busy;         /* Atomic: a raw_lock */

u64 kvm_page_waits[PV_CPUS_MAX]; /* Per CPU: a count, which tests read */
u64 kvm_page_halts[PV_CPUS_MAX]; /* Per CPU: the same */

/* Written: by kvm_page_faults_init, on one CPU. The callbacks that this file extends. */
static struct pv_callbacks callbacks;
static void (*on_other_exception)(struct trap_frame *frame, u64 fault_address);

static void wait_begin(struct page_wait *w)
{
    const u64 flags = raw_lock(&waits_busy);

    w->next = waits;
    waits = w;
    raw_unlock(&waits_busy, flags);
}

/* Return whether the page is there, and remove the wait then; else note where the thread is. */
static bool wait_has_ended(struct page_wait *w)
{
    const u64 flags = raw_lock(&waits_busy);
    struct page_wait **link = &waits;

    w->cpu = pv_this_cpu();
    if (w->ready) {
        while (*link != w)
            link = &(*link)->next;
        *link = w->next;
    }
    raw_unlock(&waits_busy, flags);
    return w->ready;
}

/* End the waits of a CPU's faults: that for this page, or all. */
static void end_waits(u32 faulted_on, u32 token)
{
    const u64 flags = raw_lock(&waits_busy);

    for (struct page_wait *w = waits; w; w = w->next) {
        if (w->faulted_on != faulted_on || (token != KVM_PF_ALL_PAGES && w->token != token))
            continue;
        w->ready = true;
        if (w->cpu != pv_this_cpu())
            native_send_ipi(w->cpu, PV_IPI_RESCHEDULE);
    }
    raw_unlock(&waits_busy, flags);
}

/* Let other threads run. Return false if that took no time: no other thread is ready. */
static bool yield_to_others(void)
{
    const u64 before = kvm_clock_ns();

    native_irq_enable();
    pv_callbacks->reschedule();
    native_irq_disable();
    return kvm_clock_ns() - before > SWITCH_NS;
}

/*
 * Called with interrupts disabled, in a #PF of code that had them enabled. Before each halt the
 * wait is tested, and an interrupt that ends it after the test ends the halt.
 */
static void wait_for_page(u32 token)
{
    struct page_wait w = {.token = token, .faulted_on = pv_this_cpu()};
    bool alone = false;

    kvm_page_waits[pv_this_cpu()]++;
    wait_begin(&w);
    while (!wait_has_ended(&w)) {
        if (alone) {
            kvm_page_halts[pv_this_cpu()]++;
            native_safe_halt();
            native_irq_disable();
        }
        alone = !alone && (pv_this_area()->spinlocks || !yield_to_others());
    }
}

/*
 * The reason is KVM's for one #PF, and is cleared before the next can be raised. Code that has
 * interrupts disabled cannot wait, and KVM raises none there; if it does, the instruction is
 * executed again, and then KVM stops the virtual CPU.
 */
static void on_exception(struct trap_frame *frame, u64 fault_address)
{
    struct kvm_page_fault *const record = &kvm_records[pv_this_cpu()].page_fault;

    if (frame->vector != VECTOR_PF || READ_ONCE(record->reason) != KVM_PF_NOT_PRESENT) {
        on_other_exception(frame, fault_address);
        return;
    }
    WRITE_ONCE(record->reason, 0);
    if (frame->rflags & RFLAGS_IF)
        wait_for_page((u32)fault_address);
}

static void on_page_ready(struct trap_frame *frame)
{
    const u32 cpu = pv_this_cpu(), token = READ_ONCE(kvm_records[cpu].page_fault.token);

    (void)frame;
    pv_apic_eoi();
    if (!token)
        return;
    end_waits(cpu, token);
    WRITE_ONCE(kvm_records[cpu].page_fault.token, 0);
    native_write_msr_safe(MSR_KVM_ASYNC_PF_ACK, 1);
}

void kvm_page_faults_end(u32 cpu)
{
    end_waits(cpu, KVM_PF_ALL_PAGES);
}

void kvm_page_faults_init(void)
{
    if (!kvm_offers(KVM_FEATURE_ASYNC_PF | KVM_FEATURE_ASYNC_PF_INT))
        return;
    native_set_vector_handler(VECTOR_PAGE_READY, on_page_ready);
    callbacks = *pv_callbacks;
    on_other_exception = callbacks.exception;
    callbacks.exception = on_exception;
    pv_set_callbacks(&callbacks);
}
