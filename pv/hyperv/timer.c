/* SPDX-License-Identifier: MIT */
/*
 * The synthetic timer of each CPU, the first of four. To arm it is one write of an MSR: the
 * deadline, in reference time. It raises an interrupt at VECTOR_TIMER (direct mode), or where that
 * is not offered, sends a message by the synthetic interrupt controller (SynIC): it writes the
 * CPU's message page, and raises the interrupt of the message's source (SINT) at VECTOR_SYNIC.
 *
 * A message keeps its slot until the guest frees it. If the next one has found the slot in use, the
 * message's flags say so, and the guest asks for it by the end-of-message MSR.
 *
 * A CPU whose timer the hypervisor refuses uses the local APIC's, which is set up in any case.
 */
#include "lib/address_map.h"
#include "pv/hyperv/clock.h"
#include "pv/hyperv/hyperv.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

enum { TIMER_SINT = 2 }; /* 0 has no timers, and 1 is for events of the hypervisor */

#define TIMER_MOST_NS (1ull << 61) /* no sum with a time overflows, here and in the hypervisor */

/* Per CPU: how its timer interrupts it. A CPU that starts another one clears that one's. */
static enum timer_mode {
    TIMER_OF_APIC,
    TIMER_DIRECT,
    TIMER_BY_MESSAGE,
} modes[PV_CPUS_MAX];

bool hyperv_timer_is_used(u32 cpu, bool messages)
{
    return READ_ONCE(modes[cpu]) == (messages ? TIMER_BY_MESSAGE : TIMER_DIRECT);
}

/* ---- Messages ---- */

/* Free the slot. Return the type of its message. */
static u32 take_message(volatile struct hv_message *m)
{
    const u32 type = m->type;

    m->type = 0;
    __asm__ volatile("mfence" ::
                         : "memory"); /* the hypervisor sets the flag after it finds a type */
    if (m->flags & HV_MESSAGE_PENDING)
        native_write_msr_safe(MSR_HV_END_OF_MESSAGE, 0);
    return type;
}

static void on_message(struct trap_frame *frame)
{
    const u64 page = DIRECT_MAP_BASE + hyperv_message_pa(pv_this_cpu());
    const u32 type = take_message((volatile struct hv_message *)page + TIMER_SINT);

    pv_apic_eoi();
    if (type != HV_MESSAGE_TIMER_EXPIRED)
        return;
    hyperv_note_use(HYPERV_USED_MESSAGE);
    pv_callbacks->timer(frame);
}

static bool set_timer_msr(u32 msr, u64 value)
{
    return hyperv_set_msr(msr, value, HYPERV_TIMERS, "messages of timers");
}

static void end_messages(void)
{
    native_write_msr_safe(MSR_HV_SINT0 + TIMER_SINT, HV_SINT_MASKED);
    native_write_msr_safe(MSR_HV_SCONTROL, 0);
    native_write_msr_safe(MSR_HV_MESSAGE_PAGE, 0);
}

static bool use_messages(void)
{
    const u64 pa = hyperv_message_pa(pv_this_cpu());

    if (!hyperv_offers(HYPERV_TIMERS) || !pa)
        return false;
    native_set_vector_handler(VECTOR_SYNIC, on_message);
    if (set_timer_msr(MSR_HV_MESSAGE_PAGE, pa | HV_ENABLED) &&
        set_timer_msr(MSR_HV_SINT0 + TIMER_SINT, VECTOR_SYNIC) &&
        set_timer_msr(MSR_HV_SCONTROL, HV_ENABLED) &&
        set_timer_msr(MSR_HV_TIMER0_CONFIG,
                      HV_TIMER_AUTO_ENABLE | TIMER_SINT << HV_TIMER_SINT_SHIFT))
        return true;
    end_messages();
    return false;
}

/* ---- The timer ---- */

static bool use_direct_mode(void)
{
    return hyperv_offers(HYPERV_DIRECT_TIMERS) &&
           hyperv_set_msr(MSR_HV_TIMER0_CONFIG,
                          HV_TIMER_AUTO_ENABLE | HV_TIMER_DIRECT |
                              VECTOR_TIMER << HV_TIMER_VECTOR_SHIFT,
                          HYPERV_DIRECT_TIMERS, "timers with a vector");
}

void hyperv_setup_clock(void)
{
    enum timer_mode mode = TIMER_OF_APIC;

    native_setup_boot_clock();
    if (hyperv_has_clock() && use_direct_mode())
        mode = TIMER_DIRECT;
    else if (hyperv_has_clock() && use_messages())
        mode = TIMER_BY_MESSAGE;
    WRITE_ONCE(modes[pv_this_cpu()], mode);
}

void hyperv_timer_stop(void)
{
    if (modes[pv_this_cpu()] == TIMER_OF_APIC)
        native_timer_stop();
    else
        wrmsr(MSR_HV_TIMER0_COUNT, 0);
}

int hyperv_timer_set(u64 deadline)
{
    const u64 now = hyperv_clock_ns();

    if (deadline <= now) {
        hyperv_timer_stop();
        return -ETIME;
    }
    deadline = MIN(deadline, now + TIMER_MOST_NS);
    if (modes[pv_this_cpu()] == TIMER_OF_APIC)
        return native_timer_set(native_clock_ns() + deadline - now);
    hyperv_note_use(HYPERV_USED_TIMER);
    wrmsr(MSR_HV_TIMER0_COUNT, deadline / HV_TICK_NS + 1);
    return 0;
}

void hyperv_disable_timer(void)
{
    const u32 cpu = pv_this_cpu();

    if (modes[cpu] != TIMER_OF_APIC) {
        native_write_msr_safe(MSR_HV_TIMER0_COUNT, 0);
        native_write_msr_safe(MSR_HV_TIMER0_CONFIG, 0);
    }
    if (modes[cpu] == TIMER_BY_MESSAGE)
        end_messages();
    WRITE_ONCE(modes[cpu], TIMER_OF_APIC);
}

void hyperv_forget_timer(u32 cpu)
{
    WRITE_ONCE(modes[cpu], TIMER_OF_APIC);
}
