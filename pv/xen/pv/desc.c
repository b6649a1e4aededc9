/*
 * Descriptor tables, stacks, I/O rights and system calls of a Xen PV guest (pv/ops/desc.def;
 * xen/xen.h: set_gdt, update_descriptor; xen/physdev.h; xen/callback.h). Xen keeps its own
 * descriptors in the last pages of the GDT, and its own TSS and IDT: the guest's part is the first
 * page.
 */
#include "lib/string.h"
#include "pv/ex_table.h"
#include "pv/selectors.h"
#include "pv/spinlock.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"
#include <xen/callback.h>
#include <xen/physdev.h>

/* entry.S */
extern const u8 xen_pv_failsafe_stub[];

enum {
    GDT,
    LDT,
};
/* Per CPU: changed with interrupts disabled; another CPU's are read to see whether a table is in
 * use. */
u64 *xen_pv_loaded[PV_CPUS_MAX][2];

static u64 **loaded(u32 which)
{
    return &xen_pv_loaded[pv_this_cpu()][which];
}

static int hand_over(u32 which, u64 *table, u32 count)
{
    u64 mfn;

    if (which == LDT)
        return xen_pv_mmuext(MMUEXT_SET_LDT, (u64)table, count);
    mfn = xen_pv_image_mfn(table);
    return xen_set_gdt(&mfn, count) ? -EINVAL : 0;
}

/* Guarded by: itself; it guards xen_pv_loaded, and with that which tables are writable. */
static struct spinlock lock = SPINLOCK("descriptor tables");

static bool is_in_use(const u64 *table)
{
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (xen_pv_loaded[cpu][GDT] == table || xen_pv_loaded[cpu][LDT] == table)
            return true;
    return false;
}

static int protect(u32 which, u64 *table)
{
    if (!table || is_in_use(table))
        return 0;
    if (which == GDT)
        fill_gdt(table, 0, 0);
    return xen_pv_set_writable(table, false);
}

/* The last user of a table makes it writable: as long as a vCPU has it loaded, Xen refuses that. */
static void unprotect(u64 *table)
{
    if (table && !is_in_use(table))
        xen_pv_set_writable(table, true);
}

static int load_locked(u32 which, u64 *table, u32 count)
{
    u64 **const current = loaded(which), *const before = *current;

    if (protect(which, table))
        return -EINVAL;
    if (hand_over(which, table, count)) {
        unprotect(table);
        return -EINVAL;
    }
    *current = table;
    unprotect(before);
    return 0;
}

/* Make table (NULL: none) this CPU's. Several CPUs may use the same one. */
static int load(u32 which, u64 *table, u32 count)
{
    const u64 flags = spin_lock_irqsave(&lock);
    const int error = load_locked(which, table, count);

    spin_unlock_irqrestore(&lock, flags);
    return error;
}

int xen_pv_load_gdt(u64 *gdt, u32 count)
{
    return table_fits(gdt, count, GDT_MIN_COUNT) ? load(GDT, gdt, count) : -EINVAL;
}

int xen_pv_load_ldt(u64 *ldt, u32 count)
{
    if (!table_fits(ldt, count, 0))
        return -EINVAL;
    return load(LDT, count ? ldt : NULL, count);
}

/* False if the page is read-only, since some CPU uses the table. */
static bool store(u64 *entry, u64 descriptor)
{
    u32 refused = 1;

    __asm__ volatile("1: movq %2, %0\n\t"
                     "xorl %1, %1\n"
                     "2:" EX_TABLE(1b, 2b)
                     : "=m"(*entry), "+r"(refused)
                     : "r"(descriptor)
                     : "cc");
    return !refused;
}

/* A table in use is Xen's to write: by its machine address. */
static int write_entry(u32 which, u64 *table, u32 index, u64 descriptor)
{
    u64 *const entry = table + index;
    u64 address;

    if (table != *loaded(which) && store(entry, descriptor))
        return 0;
    address = xen_pv_image_mfn(entry) << PAGE_SHIFT | (u64)entry % PAGE_SIZE;
    return xen_update_descriptor(address, descriptor) ? -EINVAL : 0;
}

int xen_pv_write_gdt_entry(u64 *gdt, u32 index, u64 descriptor)
{
    if (!descriptor_fits(index, GDT_FIRST_FREE, descriptor))
        return -EINVAL;
    return write_entry(GDT, gdt, index, descriptor);
}

int xen_pv_write_ldt_entry(u64 *ldt, u32 index, u64 descriptor)
{
    if (!descriptor_fits(index, 0, descriptor))
        return -EINVAL;
    return write_entry(LDT, ldt, index, descriptor);
}

/* What has not changed costs no hypercall. */
int xen_pv_load_tls(const u64 tls[3])
{
    u64 *const gdt = *loaded(GDT);

    if (!tls_fits(tls))
        return -EINVAL;
    for (u32 i = 0; i < 3; i++)
        if (gdt[GDT_TLS + i] != tls[i] && write_entry(GDT, gdt, GDT_TLS + i, tls[i]))
            return -EINVAL;
    return 0;
}

u16 xen_pv_store_tr(void)
{
    return 0;
}

void xen_pv_load_sp0(u64 sp)
{
    xen_stack_switch(FLAT_KERNEL_SS, sp);
}

/* The kernel's own port I/O needs level 1: Xen counts a PV kernel as CPL 1 here. */
int xen_pv_set_iopl(u32 level)
{
    struct physdev_set_iopl op = {.iopl = MAX(level, 1u)};

    return level > 3 || xen_physdev_op(PHYSDEVOP_set_iopl, &op) ? -EINVAL : 0;
}

int xen_pv_set_io_bitmap(const u8 *bitmap, u32 count)
{
    struct physdev_set_iobitmap op = {.nr_ports = count};

    if (count > 65536)
        return -EINVAL;
    set_xen_guest_handle_raw(op.bitmap, (u8 *)(uintptr_t)bitmap);
    return xen_physdev_op(PHYSDEVOP_set_iobitmap, &op) ? -EINVAL : 0;
}

/* Events are masked in all of them. */
void xen_pv_register_callback(u16 type, const u8 *stub)
{
    struct callback_register r = {
        .type = type, .flags = CALLBACKF_mask_events, .address = (u64)stub};
    const long error = xen_callback_op(CALLBACKOP_register, &r);

    if (error)
        pv_panic("xen-pv", "Xen refuses callback %u: %ld", type, error);
}

void xen_pv_syscall_init(void)
{
    xen_pv_register_callback(CALLBACKTYPE_syscall, pv_vector_stubs[VECTOR_SYSCALL]);
    xen_pv_register_callback(CALLBACKTYPE_syscall32, pv_vector_stubs[VECTOR_SYSCALL32]);
    xen_pv_register_callback(CALLBACKTYPE_sysenter, pv_vector_stubs[VECTOR_SYSENTER]);
    xen_pv_register_callback(CALLBACKTYPE_failsafe, xen_pv_failsafe_stub);
}
