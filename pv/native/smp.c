/* SPDX-License-Identifier: MIT */
/*
 * Starting and stopping native CPUs (pv/ops/smp.def). A CPU starts on an INIT and two start-up IPIs
 * (Intel SDM vol. 3, section 9.4.4) in 16-bit mode, in the trampoline of start.S, and stops for
 * good on an INIT alone. ipi.c numbers the CPUs and sends the IPIs.
 */
#include "lib/address_map.h"
#include "lib/string.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/ipi.h"
#include "pv/native/native.h"

#define INIT_WAIT_NS     10000000ull
#define START_UP_WAIT_NS 200000ull

/* The trampoline is below LOW_END, where no EBDA is, or else below HIGH_END; not in page 0. */
#define LOW_END  0x80000
#define HIGH_END 0xa0000

/* start.S */
extern const char native_trampoline[], native_trampoline_end[];

struct native_start native_start; /* Guarded by: the contract of cpu_up, one call at a time */

/*
 * The CPUs that cpu_down has stopped by an INIT, and that wait for a start-up IPI. Guarded by: the
 * contract of cpu_up and cpu_down, one call at a time.
 */
static u64 waiting_for_start_up;

static u32 trampoline_pa; /* Written: by platform_init, on one CPU */

static bool is_ram(const struct boot_info *info, u64 pa)
{
    for (u32 i = 0; i < info->nr_regions; i++) {
        const struct boot_region *r = &info->regions[i];

        if (r->type == BOOT_RAM && pa >= r->base && pa + PAGE_SIZE <= r->base + r->size)
            return true;
    }
    return false;
}

/* Choose the trampoline's page: RAM below 640 KiB, preferably below 512 KiB; 0 if none is found. */
void native_smp_init_memory(const struct boot_info *info)
{
    trampoline_pa = LOW_END - PAGE_SIZE;
    while (trampoline_pa && !is_ram(info, trampoline_pa))
        trampoline_pa -= PAGE_SIZE;
    for (u32 pa = LOW_END; !trampoline_pa && pa < HIGH_END; pa += PAGE_SIZE)
        if (is_ram(info, pa))
            trampoline_pa = pa;
}

const char *native_smp_prepare(void)
{
    const size_t size = (size_t)(native_trampoline_end - native_trampoline);

    if (native_cpu_count() == 1)
        return native_why_one_cpu();
    if (!trampoline_pa)
        return "no page of RAM below 640 KiB for other CPUs to start in";
    memcpy((void *)(DIRECT_MAP_BASE + trampoline_pa), native_trampoline, size);
    return NULL;
}

/*
 * Return 0, -EINVAL, or -EIO if an INIT cannot address this CPU alone. CPU 0 gets none, because it
 * would not wait for a start-up IPI: it would execute the firmware's first instruction.
 */
static int check_init_target(u32 cpu)
{
    if (!cpu || cpu >= native_cpu_count() || cpu >= PV_CPUS_MAX || cpu == pv_this_cpu())
        return -EINVAL;
    return native_apic_can_address(native_apic_id(cpu)) ? 0 : -EIO;
}

static void wait_ns(u64 ns)
{
    const u64 end = native_clock_ns() + ns;

    while (native_clock_ns() < end)
        __asm__ volatile("pause");
}

/*
 * Send INIT and two start-up IPIs, with the waits of the SDM. A CPU that an INIT has stopped gets
 * no second one: if KVM is slow to handle the first, it handles the start-up IPIs before the
 * second, and the CPU waits for another (docs/facts.md).
 */
static void send_start_up(u32 cpu, u32 apic_id)
{
    const u32 page = trampoline_pa >> PAGE_SHIFT;

    if (!(waiting_for_start_up >> cpu & 1))
        native_apic_icr(apic_id, ICR_ASSERT | ICR_INIT);
    waiting_for_start_up &= ~(1ull << cpu);
    wait_ns(INIT_WAIT_NS);
    for (int i = 0; i < 2; i++) {
        native_apic_icr(apic_id, ICR_ASSERT | ICR_START_UP | page);
        wait_ns(START_UP_WAIT_NS);
    }
}

/* Return 0, "not started": the CPU's state cannot be set from outside, so cpu_up sends the IPIs. */
int native_startup_ipi_hook(u32 apic_id, u64 entry, u64 stack)
{
    (void)apic_id, (void)entry, (void)stack;
    return 0;
}

int native_cpu_up(u32 cpu, const struct pv_cpu_start *start)
{
    int hooked, error = check_init_target(cpu);
    u32 apic_id;

    if (!error && native_cpu_is_up(cpu))
        error = -EINVAL;
    if (error)
        return error;
    apic_id = native_apic_id(cpu);
    native_set_exception_stacks(start);
    native_start = (struct native_start){read_cr3(), read_cr4(), *start};
    hooked = pv_startup_ipi_hook(apic_id, (u64)start->entry, start->stack_top);
    if (hooked < 0)
        return -EIO;
    if (!hooked)
        send_start_up(cpu, apic_id);
    return 0;
}

void native_cpu_enter(void)
{
    if (!native_apic_init())
        pv_panic("cpu_enter", "CPU %u has no local APIC", pv_this_cpu());
    native_set_cpu_up(pv_this_cpu(), true);
    native_tlb_flush_if_requested(); /* the INIT dropped an IPI that was sent before it left */
}

void native_cpu_leave(void)
{
    native_set_cpu_up(pv_this_cpu(), false);
    native_halt();
    __builtin_unreachable();
}

/* After an INIT a CPU waits for a start-up IPI, and takes no interrupt. */
int native_cpu_down(u32 cpu)
{
    const int error = check_init_target(cpu);

    if (error)
        return error;
    native_set_cpu_up(cpu, false);
    if (native_apic_icr(native_apic_id(cpu), ICR_ASSERT | ICR_INIT))
        return -EIO;
    waiting_for_start_up |= 1ull << cpu;
    return 0;
}
