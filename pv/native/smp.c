/* SPDX-License-Identifier: MIT */
/*
 * Native CPUs (pv/ops/smp.def). The firmware lists them (firmware.c); each starts on an INIT
 * and two start-up IPIs (Intel SDM vol. 3, section 9.4.4), and stops for good on an INIT alone.
 * IPIs are interrupts of the local APIC at fixed vectors.
 */
#include "lib/address_map.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

#define INIT_WAIT_NS     10000000ull
#define START_UP_WAIT_NS 200000ull

/* The trampoline is below LOW_END, where no EBDA is, or else below HIGH_END; not in page 0. */
#define LOW_END  0x80000
#define HIGH_END 0xa0000

/* start.S */
extern const char native_trampoline[], native_trampoline_end[];

struct native_start native_start; /* Guarded by: the contract of cpu_up, one call at a time */

/* Written: by platform_init and smp_prepare, on one CPU. */
static u32 apic_ids[APIC_CPUS_MAX + 1], nr_cpus;
static u32 trampoline_pa;

/* Atomic: flags. A CPU sets and clears its own; cpu_down, on another CPU, clears it, too. */
static bool up[PV_CPUS_MAX];

/* Number the CPUs: 0 is the one that runs this, the others are in the firmware's order. */
void native_smp_init(const struct apic_config *config)
{
    apic_ids[0] = native_apic_own_id();
    nr_cpus = 1;
    up[0] = true;
    for (u32 i = 0; i < config->nr_cpus; i++)
        if (config->apic_ids[i] != apic_ids[0])
            apic_ids[nr_cpus++] = config->apic_ids[i];
}

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

    if (nr_cpus == 1)
        return native_why_one_cpu();
    if (!trampoline_pa)
        return "no page of RAM below 640 KiB for other CPUs to start in";
    memcpy((void *)(DIRECT_MAP_BASE + trampoline_pa), native_trampoline, size);
    return NULL;
}

u32 native_cpu_count(void)
{
    return nr_cpus;
}

void native_cpu_describe(u32 cpu, char *text, size_t size)
{
    if (cpu < nr_cpus)
        ksnprintf(text, size, "APIC id %u", apic_ids[cpu]);
    else
        ksnprintf(text, size, "no such CPU");
}

bool native_cpu_is_up(u32 cpu)
{
    return cpu < PV_CPUS_MAX && READ_ONCE(up[cpu]);
}

/* Return 0, -EINVAL, or -EIO if an INIT cannot address this CPU alone: it might reset CPU 0. */
static int check_init_target(u32 cpu)
{
    if (cpu >= nr_cpus || cpu >= PV_CPUS_MAX || cpu == pv_this_cpu())
        return -EINVAL;
    return native_apic_can_address(apic_ids[cpu]) ? 0 : -EIO;
}

static void wait_ns(u64 ns)
{
    const u64 end = native_clock_ns() + ns;

    while (native_clock_ns() < end)
        __asm__ volatile("pause");
}

/* Send INIT and two start-up IPIs, with the waits of the SDM. */
static void send_start_up(u32 apic_id)
{
    const u32 page = trampoline_pa >> PAGE_SHIFT;

    native_apic_icr(apic_id, ICR_ASSERT | ICR_INIT);
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

    if (!error && native_cpu_is_up(cpu))
        error = -EINVAL;
    if (error)
        return error;
    native_set_exception_stacks(cpu, start);
    native_start = (struct native_start){read_cr3(), read_cr4(), *start};
    hooked = pv_startup_ipi_hook(apic_ids[cpu], (u64)start->entry, start->stack_top);
    if (hooked < 0)
        return -EIO;
    if (!hooked)
        send_start_up(apic_ids[cpu]);
    return 0;
}

void native_cpu_enter(void)
{
    if (!native_apic_init())
        pv_panic("cpu_enter", "CPU %u has no local APIC", pv_this_cpu());
    __atomic_store_n(&up[pv_this_cpu()], true, __ATOMIC_SEQ_CST);
    native_tlb_flush_if_requested(); /* the INIT dropped an IPI that was sent before it left */
}

void native_cpu_leave(void)
{
    WRITE_ONCE(up[pv_this_cpu()], false);
    native_halt();
    __builtin_unreachable();
}

/* After an INIT a CPU waits for a start-up IPI, and takes no interrupt. */
int native_cpu_down(u32 cpu)
{
    const int error = check_init_target(cpu);

    if (error)
        return error;
    WRITE_ONCE(up[cpu], false);
    return native_apic_icr(apic_ids[cpu], ICR_ASSERT | ICR_INIT) ? -EIO : 0;
}

static int send_to_cpu(u32 cpu, u32 command)
{
    return native_cpu_is_up(cpu) ? native_apic_icr(apic_ids[cpu], ICR_ASSERT | command) : -EINVAL;
}

int native_send_vector(u32 cpu, u32 vector)
{
    return send_to_cpu(cpu, vector);
}

int native_send_ipi(u32 cpu, enum pv_ipi kind)
{
    return kind < PV_NR_IPIS ? send_to_cpu(cpu, VECTOR_IPIS + kind) : -EINVAL;
}

int native_send_nmi(u32 cpu)
{
    return send_to_cpu(cpu, ICR_NMI);
}
