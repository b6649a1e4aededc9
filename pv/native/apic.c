/* SPDX-License-Identifier: MIT */
/*
 * The local APIC: this CPU's interrupt controller (Intel SDM vol. 3, chapter 11; irq.c explains its
 * part). Its registers are a page of memory, or in x2APIC mode an MSR for each 16 bytes of that
 * page. This file uses x2APIC mode if the firmware has switched to it, because there is no way
 * back without a reset, and in virtual machines that offer it, because an MSR is the cheaper trap.
 * Elsewhere x2APIC mode needs interrupt remapping, which this kernel does not have.
 */
#include "lib/memory_map.h"
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/mmio.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

enum {
    CPUID1_EDX_MSR = 1 << 5,
    CPUID1_EDX_APIC = 1 << 9,
    CPUID1_ECX_X2APIC = 1 << 21,
    CPUID1_ECX_HYPERVISOR = 1u << 31,

    MSR_APIC_BASE = 0x1b,
    APIC_BASE_X2APIC = 1 << 10,
    APIC_BASE_ENABLE = 1 << 11,
    MSR_X2APIC = 0x800,
};

#define XAPIC_BROADCAST   0xffu
#define X2APIC_BROADCAST  0xffffffffu
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
#define APIC_BASE_DEFAULT 0xfee00000ull /* after a reset */

/* Written: at boot; every CPU has the same APIC at the same address. */
static bool present, x2apic;
/* Written: by early_init, if a hypervisor decides on x2APIC mode: native_allow_x2apic. */
static bool x2apic_is_decided, x2apic_is_allowed;
static volatile u32 *page; /* the registers, in xAPIC mode */

u32 native_apic_get(u32 offset)
{
    return x2apic ? (u32)rdmsr(MSR_X2APIC + offset / 16) : page[offset / 4];
}

void native_apic_set(u32 offset, u32 value)
{
    if (x2apic)
        wrmsr(MSR_X2APIC + offset / 16, value);
    else
        page[offset / 4] = value;
}

u32 native_apic_own_id(void)
{
    const u32 id = native_apic_get(APIC_ID);

    return x2apic ? id : id >> 24;
}

/*
 * The registers that exist in both modes: apic_read and apic_write accept no other, because in
 * x2APIC mode an access to another is a fault. The ICR is written by apic_icr only. Registers are
 * 16 bytes apart.
 */
static bool is_readable(u32 offset)
{
    if (offset % 16)
        return false;
    switch (offset / 16) {
    case APIC_ID / 16:
    case APIC_VERSION / 16:
    case APIC_TPR / 16:
    case APIC_PPR / 16:
    case APIC_LDR / 16:
    case APIC_SVR / 16:
    case APIC_ISR / 16 ... APIC_ISR / 16 + 7:
    case APIC_TMR / 16 ... APIC_TMR / 16 + 7:
    case APIC_IRR / 16 ... APIC_IRR / 16 + 7:
    case APIC_ESR / 16:
    case APIC_ICR_LOW / 16:
    case APIC_LVT_TIMER / 16:
    case APIC_LVT_THERMAL / 16:
    case APIC_LVT_PERF / 16:
    case APIC_LVT_LINT0 / 16:
    case APIC_LVT_LINT1 / 16:
    case APIC_LVT_ERROR / 16:
    case APIC_TIMER_INITIAL / 16:
    case APIC_TIMER_CURRENT / 16:
    case APIC_TIMER_DIVIDE / 16:
        return true;
    default:
        return false;
    }
}

static bool is_writable(u32 offset)
{
    if (offset % 16)
        return false;
    switch (offset / 16) {
    case APIC_TPR / 16:
    case APIC_EOI / 16:
    case APIC_SVR / 16:
    case APIC_ESR / 16:
    case APIC_LVT_TIMER / 16:
    case APIC_LVT_THERMAL / 16:
    case APIC_LVT_PERF / 16:
    case APIC_LVT_LINT0 / 16:
    case APIC_LVT_LINT1 / 16:
    case APIC_LVT_ERROR / 16:
    case APIC_TIMER_INITIAL / 16:
    case APIC_TIMER_DIVIDE / 16:
        return true;
    default:
        return false;
    }
}

int native_apic_read(u32 offset, u32 *value)
{
    if (!present)
        return -ENODEV;
    if (!is_readable(offset))
        return -EINVAL;
    *value = offset == APIC_ID ? native_apic_own_id() : native_apic_get(offset);
    return 0;
}

int native_apic_write(u32 offset, u32 value)
{
    if (!present)
        return -ENODEV;
    if (!is_writable(offset))
        return -EINVAL;
    native_apic_set(offset, value);
    return 0;
}

void native_apic_eoi(void)
{
    native_apic_set(APIC_EOI, 0);
}

/*
 * In x2APIC mode the ICR is one MSR. WRMSR to the x2APIC is not serializing, so the fences make the
 * CPU's earlier stores visible before the other CPU is interrupted (section 11.12.3).
 *
 * In xAPIC mode it is two registers, and a write of the low one sends. Interrupts are disabled in
 * between, because a handler may send an IPI of its own. An NMI's handler may, too: it puts the
 * high register back for the code that it has interrupted.
 */
int native_apic_icr(u32 apic_id, u32 command)
{
    u32 interrupted;
    u64 flags;

    if (!present)
        return -ENODEV;
    if (!x2apic && apic_id > XAPIC_BROADCAST)
        return -EINVAL;
    if (x2apic) {
        __asm__ volatile("mfence; lfence" ::: "memory");
        wrmsr(MSR_X2APIC + APIC_ICR_LOW / 16, (u64)apic_id << 32 | command);
        return 0;
    }
    flags = irq_save();
    interrupted = native_apic_get(APIC_ICR_HIGH);
    native_apic_set(APIC_ICR_HIGH, apic_id << 24);
    native_apic_set(APIC_ICR_LOW, command);
    while (native_apic_get(APIC_ICR_LOW) & ICR_PENDING)
        __asm__ volatile("pause");
    native_apic_set(APIC_ICR_HIGH, interrupted);
    irq_restore(flags);
    return 0;
}

/*
 * Return true if this CPU has an APIC. Firmware may have turned it off in its base register, and
 * then CPUID does not show it (section 11.4.3): turn it on. Some CPUs and emulators ignore that
 * until a reset.
 */
static bool apic_is_present(void)
{
    const u32 edx = cpuid(1, 0).edx;
    u64 base;

    if (edx & CPUID1_EDX_APIC)
        return true;
    return edx & CPUID1_EDX_MSR && !native_read_msr_safe(MSR_APIC_BASE, &base) &&
           !native_write_msr_safe(MSR_APIC_BASE, base | APIC_BASE_ENABLE) &&
           cpuid(1, 0).edx & CPUID1_EDX_APIC;
}

/*
 * Move the registers back to where a reset puts them, and return the base register. Firmware may
 * have moved them (section 11.4.5), also over RAM; no device is at the default address, to which
 * messages are sent, and some emulators keep the registers there whatever the base register says.
 */
static u64 apic_move_to_default(void)
{
    u64 base = rdmsr(MSR_APIC_BASE);

    if (base & APIC_BASE_X2APIC || (base & APIC_BASE_ADDRESS) == APIC_BASE_DEFAULT)
        return base;
    base = (base & ~APIC_BASE_ADDRESS) | APIC_BASE_DEFAULT;
    wrmsr(MSR_APIC_BASE, base);
    return base;
}

void native_allow_x2apic(bool allowed)
{
    x2apic_is_decided = true;
    x2apic_is_allowed = allowed;
}

/* Return whether to switch to x2APIC mode, by what CPUID shows. */
static bool wants_x2apic(u32 ecx)
{
    return ecx & CPUID1_ECX_X2APIC &&
           (x2apic_is_decided ? x2apic_is_allowed : (ecx & CPUID1_ECX_HYPERVISOR) != 0);
}

static void apic_enable_in_best_mode(u32 ecx)
{
    u64 base = apic_move_to_default();

    if (!(base & APIC_BASE_ENABLE))
        wrmsr(MSR_APIC_BASE, base |= APIC_BASE_ENABLE);
    if (wants_x2apic(ecx) && !(base & APIC_BASE_X2APIC))
        wrmsr(MSR_APIC_BASE, base |= APIC_BASE_X2APIC);
    x2apic = base & APIC_BASE_X2APIC;
    page = mmio_at(APIC_BASE_DEFAULT);
}

bool native_apic_can_address(u32 apic_id)
{
    return apic_id < (x2apic ? X2APIC_BROADCAST : XAPIC_BROADCAST);
}

void native_map_apic(struct boot_info *info)
{
    if (!apic_is_present())
        return;
    apic_move_to_default();
    boot_add_devices(info, APIC_BASE_DEFAULT, PAGE_SIZE);
}

/*
 * Mask the entries of the local vector table, which firmware or an earlier kernel may have left
 * unmasked with any delivery mode. An entry exists if the version register's field "max LVT entry"
 * is at least the number beside it (section 11.4.8, figure 11-8).
 */
static void apic_mask_own_sources(void)
{
    static const struct {
        u16 offset;
        u8 max_lvt;
    } entries[] = {
        {APIC_LVT_TIMER, 0}, {APIC_LVT_LINT0, 0},   {APIC_LVT_LINT1, 0}, {APIC_LVT_ERROR, 3},
        {APIC_LVT_PERF, 4},  {APIC_LVT_THERMAL, 5}, {APIC_LVT_CMCI, 6},
    };
    const u32 max_lvt = native_apic_get(APIC_VERSION) >> VERSION_MAX_LVT_SHIFT & 0xff;

    for (u32 i = 0; i < ARRAY_SIZE(entries); i++)
        if (max_lvt >= entries[i].max_lvt)
            native_apic_set(entries[i].offset, LVT_MASKED);
}

/* SVR enables the APIC, which otherwise keeps LINT1's entry masked: that entry is written last. */
bool native_apic_init(void)
{
    if (!apic_is_present())
        return false;
    apic_enable_in_best_mode(cpuid(1, 0).ecx);
    apic_mask_own_sources();
    native_apic_set(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    native_apic_set(APIC_TPR, 0);
    native_apic_set(APIC_LVT_LINT1, LVT_NMI);
    present = true;
    native_end_left_over();
    return true;
}
