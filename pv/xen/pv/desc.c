/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables, the kernel stack, I/O rights and system calls on Xen PV (xen/xen.h: set_gdt,
 * update_descriptor; xen/physdev.h; xen/callback.h). The TSS and the IDT are Xen's. The GDT is
 * shared: the guest supplies the first pages (here one), and Xen has its own descriptors in the
 * last ones.
 *
 * A page that holds a loaded GDT or LDT has the type "descriptors" (mmu.c explains types). It must
 * not be mapped writable, and Xen changes its entries by update_descriptor. So load makes a table
 * read-only before it gives the table to Xen, and writable again after its last user.
 */
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
/*
 * Per CPU: written with interrupts disabled; other CPUs read it to see whether a table is in use.
 */
u64 *xen_pv_loaded[PV_CPUS_MAX][2];

static u64 **this_table(u32 which)
{
    return &xen_pv_loaded[pv_this_cpu()][which];
}

/* Make Xen load the table on this CPU. */
static int load_into_xen(u32 which, u64 *table, u32 count)
{
    u64 mfn;

    if (which == LDT)
        return xen_pv_mmuext(MMUEXT_SET_LDT, (u64)table, count);
    mfn = xen_pv_virt_to_mfn(table);
    return xen_set_gdt(&mfn, count) ? -EINVAL : 0;
}

/* Guarded by: itself; it guards xen_pv_loaded, and with that which tables are writable. */
static struct spinlock tables_lock = SPINLOCK("descriptor tables");

static bool table_is_loaded(const u64 *table)
{
    for (u32 cpu = 0; cpu < PV_CPUS_MAX; cpu++)
        if (xen_pv_loaded[cpu][GDT] == table || xen_pv_loaded[cpu][LDT] == table)
            return true;
    return false;
}

/*
 * Prepare a table for Xen unless a CPU has it loaded already. A GDT gets the fixed descriptors
 * first.
 */
static int make_table_readonly(u32 which, u64 *table)
{
    if (!table || table_is_loaded(table))
        return 0;
    if (which == GDT)
        fill_gdt(table, 0, 0);
    return xen_pv_set_writable(table, false);
}

/* Make a table writable if no CPU has it loaded any more; Xen refuses as long as one has. */
static void make_table_writable(u64 *table)
{
    if (table && !table_is_loaded(table))
        xen_pv_set_writable(table, true);
}

static int load_table_locked(u32 which, u64 *table, u32 count)
{
    u64 **const current = this_table(which), *const before = *current;

    if (make_table_readonly(which, table))
        return -EINVAL;
    if (load_into_xen(which, table, count)) {
        make_table_writable(table);
        return -EINVAL;
    }
    *current = table;
    make_table_writable(before);
    return 0;
}

/* Load a table (NULL: no table) on this CPU. Several CPUs may have loaded the same one. */
static int load_table(u32 which, u64 *table, u32 count)
{
    const u64 flags = spin_lock_irqsave(&tables_lock);
    const int error = load_table_locked(which, table, count);

    spin_unlock_irqrestore(&tables_lock, flags);
    return error;
}

int xen_pv_load_gdt(u64 *gdt, u32 count)
{
    return table_fits(gdt, count, GDT_MIN_COUNT) ? load_table(GDT, gdt, count) : -EINVAL;
}

int xen_pv_load_ldt(u64 *ldt, u32 count)
{
    if (!table_fits(ldt, count, 0))
        return -EINVAL;
    return load_table(LDT, count ? ldt : NULL, count);
}

/* Store a descriptor. Return false if the page is read-only, because a CPU has loaded the table. */
static bool store_descriptor(u64 *entry, u64 descriptor)
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

/* Xen writes an entry of a loaded table, and takes the machine address of the entry. */
static int write_entry(u32 which, u64 *table, u32 index, u64 descriptor)
{
    u64 *const entry = table + index;
    u64 address;

    if (table != *this_table(which) && store_descriptor(entry, descriptor))
        return 0;
    address = xen_pv_virt_to_mfn(entry) << PAGE_SHIFT | (u64)entry % PAGE_SIZE;
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

/* Compare first, because each change costs a hypercall. */
int xen_pv_load_tls(const u64 tls[3])
{
    u64 *const gdt = *this_table(GDT);

    if (!tls_fits(tls))
        return -EINVAL;
    for (u32 i = 0; i < 3; i++)
        if (gdt[GDT_TLS + i] != tls[i] && write_entry(GDT, gdt, GDT_TLS + i, tls[i]))
            return -EINVAL;
    return 0;
}

/* The guest has no task state segment. */
u16 xen_pv_store_tr(void)
{
    return 0;
}

void xen_pv_load_sp0(u64 sp)
{
    xen_stack_switch(FLAT_KERNEL_SS, sp);
}

/* Level 0 becomes 1: Xen treats a PV kernel as CPL 1 here, so with 0 it could not access ports. */
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

/*
 * CALLBACKF_mask_events: Xen masks events when it enters the callback, as an interrupt gate does.
 */
void xen_pv_register_callback(u16 type, const u8 *stub)
{
    struct callback_register r = {
        .type = type, .flags = CALLBACKF_mask_events, .address = (u64)stub};
    const long error = xen_callback_op(CALLBACKOP_register, &r);

    if (error)
        pv_panic("xen-pv", "Xen refuses callback type %u at CALLBACKOP_register: error %ld", type,
                 error);
}

void xen_pv_syscall_init(void)
{
    xen_pv_register_callback(CALLBACKTYPE_syscall, pv_vector_stubs[VECTOR_SYSCALL]);
    xen_pv_register_callback(CALLBACKTYPE_syscall32, pv_vector_stubs[VECTOR_SYSCALL32]);
    xen_pv_register_callback(CALLBACKTYPE_sysenter, pv_vector_stubs[VECTOR_SYSENTER]);
    xen_pv_register_callback(CALLBACKTYPE_failsafe, xen_pv_failsafe_stub);
}
