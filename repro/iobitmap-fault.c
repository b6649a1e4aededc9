/* SPDX-License-Identifier: MIT */
/*
 * A PV guest's I/O permission bitmap that is not mapped.
 *
 * @title     in of user mode with an I/O permission bitmap that is not present
 * @affected  Xen before 4.20: #GP instead of #PF; changed by 8a6c495d72. 4.20: #PF with a wrong CR2
 * @platforms xen-pv
 * @expect    4.14=bad 4.17=bad 4.20=bad
 *
 * Background: PHYSDEVOP_set_iobitmap gives Xen the address of a bitmap in the guest's memory, as a
 * task state has it natively. If the guest's user mode accesses a port, Xen reads two bytes of it.
 *
 * Mechanism: a bitmap that is not present is a page fault of the CPU's own access natively, so that
 * the kernel can map it and return. Xen took it for a bitmap that forbids the port. Since 4.20 the
 * fault arrives, but its address is computed with the width of the port access and not with the two
 * bytes that were read (docs/found.md).
 *
 * Verdicts: good: #PF at the first byte that was not read. bad: #GP, or #PF at another address. A
 * bitmap that is there and forbids the port has to give #GP, which is looked at first.
 *
 * Cannot tell: in and out of other widths.
 */
#include "repro/kit.h"

#define PORT        0x80
#define NOT_PRESENT 0x700000ull /* of ring 3's address space */

static struct kit_exit in_with_bitmap(u64 bitmap)
{
    static const u8 in_al_dx[] = {0xec};
    struct physdev_set_iobitmap op = {.nr_ports = 1024};
    struct kit_regs regs = {.rdx = PORT};

    set_xen_guest_handle_raw(op.bitmap, (uint8_t *)bitmap);
    MUST(hc_physdev_op(PHYSDEVOP_set_iobitmap, &op));
    return kit_user64(in_al_dx, sizeof(in_al_dx), &regs, 0);
}

REPRO("iobitmap-fault")
{
    const u64 at = NOT_PRESENT + PORT / 8;
    struct kit_exit forbidden, absent = KIT_NOT_RUN;

    kit_needs(KIT_XEN_PV);
    memset(kit_user_stack(), 0xff, 256);
    forbidden = in_with_bitmap(KIT_USER_STACK);
    if (forbidden.vector != VECTOR_GP)
        cannot_tell("a bitmap that forbids the port: %s", kit_exit_text(&forbidden));
    STEP absent = in_with_bitmap(NOT_PRESENT);
    EVIDENCE(absent.vector != KIT_NOT_RUN.vector);
    if (absent.vector == VECTOR_PF && absent.address == at)
        good("#PF at the bitmap's byte, 0x%llx", (unsigned long long)at);
    bad("%s instead of #PF at 0x%llx", kit_exit_text(&absent), (unsigned long long)at);
}
