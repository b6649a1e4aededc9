/*
 * The local APIC (Intel SDM vol. 3, chapter 11): a page of registers, or in x2APIC mode an MSR for
 * each 16 bytes of that page. x2APIC is used where the firmware has switched to it and in virtual
 * machines that offer it; elsewhere it wants interrupt remapping, which this kernel does not have.
 */
#include "pv/native/apic.h"
#include "pv/native/io.h"
#include "pv/native/mmio.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"

enum {
    CPUID1_EDX_APIC = 1 << 9,
    CPUID1_ECX_X2APIC = 1 << 21,
    CPUID1_ECX_HYPERVISOR = 1u << 31,

    MSR_APIC_BASE = 0x1b,
    APIC_BASE_X2APIC = 1 << 10,
    APIC_BASE_ENABLE = 1 << 11,
    MSR_X2APIC = 0x800,

    APIC_REGISTERS_END = 0x400, /* as a mask's 64 bits */
};

#define APIC_BASE_ADDRESS 0x000ffffffffff000ull

static bool present, x2apic;
static u64 base_pa;

u32 native_apic_get(u32 offset)
{
    return x2apic ? (u32)rdmsr(MSR_X2APIC + offset / 16) : mmio_read32(base_pa + offset);
}

void native_apic_set(u32 offset, u32 value)
{
    if (x2apic)
        wrmsr(MSR_X2APIC + offset / 16, value);
    else
        mmio_write32(base_pa + offset, value);
}

u32 native_apic_own_id(void)
{
    return x2apic ? native_apic_get(APIC_ID) : native_apic_get(APIC_ID) >> 24;
}

/*
 * The registers that can be read in both modes: bit n says that offset 16 n can. In x2APIC mode
 * reading another is a fault.
 */
static bool readable(u32 offset)
{
    static const u64 registers = 0x3fd01ffffffa50cull;

    if (offset % 16 || offset >= APIC_REGISTERS_END)
        return false;
    return offset == APIC_TIMER_DIVIDE || registers >> (offset / 16) & 1;
}

static bool writable(u32 offset)
{
    static const u16 registers[] = {APIC_TPR,       APIC_EOI,           APIC_SVR,
                                    APIC_ESR,       APIC_LVT_TIMER,     0x330,
                                    0x340,          APIC_LVT_LINT0,     APIC_LVT_LINT1,
                                    APIC_LVT_ERROR, APIC_TIMER_INITIAL, APIC_TIMER_DIVIDE};

    for (size_t i = 0; i < ARRAY_SIZE(registers); i++)
        if (registers[i] == offset)
            return true;
    return false;
}

int native_apic_read(u32 offset, u32 *value)
{
    if (!present)
        return -ENODEV;
    if (!readable(offset))
        return -EINVAL;
    *value = offset == APIC_ID ? native_apic_own_id() : native_apic_get(offset);
    return 0;
}

int native_apic_write(u32 offset, u32 value)
{
    if (!present)
        return -ENODEV;
    if (!writable(offset))
        return -EINVAL;
    native_apic_set(offset, value);
    return 0;
}

void native_apic_eoi(void)
{
    native_apic_set(APIC_EOI, 0);
}

/*
 * One MSR in x2APIC mode; two registers else, of which the low one sends. An interrupt in between
 * might send its own. WRMSR to the x2APIC is not serializing: what was stored before must be seen
 * by whoever is interrupted (section 11.12.3).
 */
int native_apic_icr(u32 apic_id, u32 command)
{
    u64 flags;

    if (!present)
        return -ENODEV;
    if (x2apic) {
        __asm__ volatile("mfence; lfence" ::: "memory");
        wrmsr(MSR_X2APIC + APIC_ICR_LOW / 16, (u64)apic_id << 32 | command);
        return 0;
    }
    flags = pv_save_fl();
    pv_irq_disable();
    native_apic_set(APIC_ICR_HIGH, apic_id << 24);
    native_apic_set(APIC_ICR_LOW, command);
    while (native_apic_get(APIC_ICR_LOW) & ICR_PENDING)
        __asm__ volatile("pause");
    pv_restore_fl(flags);
    return 0;
}

/* Sends the IPIs itself: nobody here can set a CPU's state. */
int native_startup_ipi_hook(u32 apic_id, u64 entry, u64 stack)
{
    (void)apic_id, (void)entry, (void)stack;
    return 0;
}

static void enable_in_best_mode(void)
{
    const u32 ecx = cpuid(1, 0).ecx;
    u64 base = rdmsr(MSR_APIC_BASE);

    if (!(base & APIC_BASE_ENABLE))
        wrmsr(MSR_APIC_BASE, base |= APIC_BASE_ENABLE);
    if (ecx & CPUID1_ECX_X2APIC && ecx & CPUID1_ECX_HYPERVISOR && !(base & APIC_BASE_X2APIC))
        wrmsr(MSR_APIC_BASE, base |= APIC_BASE_X2APIC);
    x2apic = base & APIC_BASE_X2APIC;
    base_pa = base & APIC_BASE_ADDRESS;
}

static void spurious(struct trap_frame *frame)
{
    (void)frame; /* has no bit in service, so no EOI (section 11.9) */
}

bool native_apic_init(void)
{
    if (!(cpuid(1, 0).edx & CPUID1_EDX_APIC))
        return false;
    enable_in_best_mode();
    native_own_vector(VECTOR_SPURIOUS, spurious);
    native_apic_set(APIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    native_apic_set(APIC_TPR, 0);
    native_apic_set(APIC_LVT_TIMER, LVT_MASKED);
    native_apic_set(APIC_LVT_LINT0, LVT_MASKED);
    native_apic_set(APIC_LVT_LINT1, LVT_NMI);
    native_apic_set(APIC_LVT_ERROR, LVT_MASKED);
    present = true;
    return true;
}
