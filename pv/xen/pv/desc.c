/*
 * Class 2 of the Xen PV backend, part two: descriptor tables, stacks, I/O rights, system calls
 * (xen/xen.h: set_gdt, update_descriptor; xen/physdev.h; xen/callback.h). Xen keeps its own
 * descriptors in the last pages of the GDT, and its own TSS and IDT: the guest's part is the first
 * page.
 */
#include "lib/string.h"
#include "pv/selectors.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/xen.h"
#include "pv/xen/pv/xen_pv.h"
#include <xen/callback.h>
#include <xen/physdev.h>

/* entry.S */
extern const u8 xen_pv_failsafe_stub[];

/* Those in use, of each CPU. */
static u64 *current_gdts[PV_CPUS_MAX], *current_ldts[PV_CPUS_MAX];
#define current_gdt (current_gdts[pv_this_cpu()])
#define current_ldt (current_ldts[pv_this_cpu()])

/* A table in use is Xen's to write: by its machine address. */
static int update_descriptor(const u64 *entry, u64 descriptor)
{
    const u64 address = xen_pv_image_mfn(entry) << PAGE_SHIFT | (u64)entry % PAGE_SIZE;

    return xen_update_descriptor(address, descriptor) ? -EINVAL : 0;
}

int xen_pv_load_gdt(u64 *gdt, u32 count)
{
    u64 frame;

    if ((u64)gdt % PAGE_SIZE || count < GDT_MIN_COUNT || count > GDT_MAX_COUNT)
        return -EINVAL;
    if (gdt != current_gdt) {
        gdt[0] = 0;
        gdt[GDT_KERNEL_CODE] = 0;
        gdt[GDT_KERNEL_DATA] = 0;
        gdt[GDT_USER_CODE32] = DESCRIPTOR_USER_CODE32;
        gdt[GDT_USER_DATA] = DESCRIPTOR_USER_DATA;
        gdt[GDT_USER_CODE64] = DESCRIPTOR_USER_CODE64;
        if (xen_pv_set_writable(gdt, false))
            return -EINVAL;
    }
    frame = xen_pv_image_mfn(gdt);
    if (xen_set_gdt(&frame, count)) {
        if (gdt != current_gdt)
            xen_pv_set_writable(gdt, true);
        return -EINVAL;
    }
    if (current_gdt && gdt != current_gdt)
        xen_pv_set_writable(current_gdt, true);
    current_gdt = gdt;
    return 0;
}

int xen_pv_write_gdt_entry(u64 *gdt, u32 index, u64 descriptor)
{
    if (index < GDT_FIRST_FREE || index >= GDT_MAX_COUNT || !IS_SEGMENT(descriptor))
        return -EINVAL;
    if (gdt == current_gdt)
        return update_descriptor(gdt + index, descriptor);
    gdt[index] = descriptor;
    return 0;
}

static int set_ldt(u64 *ldt, u32 count)
{
    struct mmuext_op op = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (u64)ldt, .arg2.nr_ents = count};

    return xen_mmuext_op(&op, 1, NULL) ? -EINVAL : 0;
}

int xen_pv_load_ldt(u64 *ldt, u32 count)
{
    if ((u64)ldt % PAGE_SIZE || count > GDT_MAX_COUNT || (count && !ldt))
        return -EINVAL;
    if (count && ldt != current_ldt && xen_pv_set_writable(ldt, false))
        return -EINVAL;
    if (set_ldt(ldt, count)) {
        if (count && ldt != current_ldt)
            xen_pv_set_writable(ldt, true);
        return -EINVAL;
    }
    if (current_ldt && ldt != current_ldt)
        xen_pv_set_writable(current_ldt, true);
    current_ldt = count ? ldt : NULL;
    return 0;
}

int xen_pv_write_ldt_entry(u64 *ldt, u32 index, u64 descriptor)
{
    if (index >= GDT_MAX_COUNT || !IS_SEGMENT(descriptor))
        return -EINVAL;
    if (ldt == current_ldt)
        return update_descriptor(ldt + index, descriptor);
    ldt[index] = descriptor;
    return 0;
}

/* What has not changed costs no hypercall. */
int xen_pv_load_tls(const u64 tls[3])
{
    for (u32 i = 0; i < 3; i++)
        if (!IS_SEGMENT(tls[i]))
            return -EINVAL;
    for (u32 i = 0; i < 3; i++)
        if (current_gdt[GDT_TLS + i] != tls[i] &&
            update_descriptor(current_gdt + GDT_TLS + i, tls[i]))
            return -EINVAL;
    return 0;
}

void xen_pv_load_tr(void)
{
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

static void register_callback(u16 type, const u8 *stub)
{
    struct callback_register r = {
        .type = type, .flags = CALLBACKF_mask_events, .address = (u64)stub};
    const long error = xen_callback_op(CALLBACKOP_register, &r);

    if (error)
        pv_panic("syscall_init", "Xen refuses callback %u: %ld", type, error);
}

void xen_pv_syscall_init(void)
{
    register_callback(CALLBACKTYPE_syscall, pv_vector_stubs[VECTOR_SYSCALL]);
    register_callback(CALLBACKTYPE_syscall32, pv_vector_stubs[VECTOR_SYSCALL32]);
    register_callback(CALLBACKTYPE_sysenter, pv_vector_stubs[VECTOR_SYSENTER]);
    register_callback(CALLBACKTYPE_failsafe, xen_pv_failsafe_stub);
}
