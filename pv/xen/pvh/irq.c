/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of a PVH guest. The interrupt flag is RFLAGS.IF of the CPU, so the flag ops are the
 * native ones, and the event upcall is an ordinary interrupt at a vector of the IDT. Xen has two
 * ways to raise it:
 *
 *   HVMOP_set_evtchn_upcall_vector   each vCPU chooses its vector, and Xen (since 4.6) raises it
 *                                    in the emulated local APIC. The handler sends an EOI.
 *   HVM_PARAM_CALLBACK_IRQ           one vector for the domain, which Xen injects without the
 *                                    local APIC. No EOI.
 */
#include "pv/native/apic.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"
#include "pv/xen/events.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pvh/xen_pvh.h"
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

static bool through_apic; /* Atomic: a flag; each CPU stores the same value when it starts */
static u32 apic_ids[PV_CPUS_MAX]; /* Per CPU: each stores its own when it starts */

static void on_event_vector(struct trap_frame *frame)
{
    xen_event_upcall(frame);
    if (through_apic)
        native_apic_eoi();
}

static long set_vector_of_vcpu(void)
{
    struct xen_hvm_evtchn_upcall_vector op = {.vcpu = pv_this_cpu(), .vector = VECTOR_XEN_EVENT};

    return xen_hvm_op(HVMOP_set_evtchn_upcall_vector, &op);
}

static long set_callback_irq(u64 value)
{
    struct xen_hvm_param param = {
        .domid = DOMID_SELF,
        .index = HVM_PARAM_CALLBACK_IRQ,
        .value = value,
    };

    return xen_hvm_op(HVMOP_set_param, &param);
}

static long set_vector_of_domain(void)
{
    return set_callback_irq((u64)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | VECTOR_XEN_EVENT);
}

/*
 * Set HVM_PARAM_CALLBACK_IRQ, to GSI 1, which a PVH guest does not have, for two effects beside
 * delivery. A toolstack that cancels a suspend lets SCHEDOP_shutdown return 1 only if the parameter
 * is set. And Xen writes the wall clock to shared_info: a restored PVH domain's is 0 until then.
 */
static long announce_callback(void)
{
    return set_callback_irq(1);
}

const char *xen_pvh_set_event_callback(void)
{
    if (!native_apic_init())
        return "the CPU has no local APIC";
    apic_ids[pv_this_cpu()] = native_apic_own_id();
    native_set_vector_handler(VECTOR_XEN_EVENT, on_event_vector);
    if (!pv_this_cpu() && announce_callback())
        return "Xen refuses HVM_PARAM_CALLBACK_IRQ";
    WRITE_ONCE(through_apic, !set_vector_of_vcpu());
    if (!through_apic && set_vector_of_domain())
        return "Xen refuses both ways to set a vector for events";
    return NULL;
}

int xen_pvh_send_nmi(u32 cpu)
{
    return native_apic_icr(apic_ids[cpu], ICR_ASSERT | ICR_NMI);
}

const struct pv_apic_ops xen_pvh_apic_ops = {
    .apic_read = native_apic_read,
    .apic_write = native_apic_write,
    .apic_eoi = native_apic_eoi,
    .apic_icr = native_apic_icr,
    .setup_boot_clock = xen_setup_clock,
    .setup_secondary_clock = xen_setup_clock,
    .startup_ipi_hook = native_startup_ipi_hook,
};
