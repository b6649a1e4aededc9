/* SPDX-License-Identifier: MIT */
/*
 * Ports of the chipset that a dom0 can read.
 *
 * @title     ports 0x92, 0xcf9 and 0x4d0 of a dom0: the device's value before 4.19, all ones since
 * @affected  a fact of the ABI, no bug; changed by 9e2c146c38, ee3bcf907a, d0ea916fcd
 * @platforms xen-pv xen-pvh
 * @expect    4=good
 *
 * Background: a dom0 may access the machine's I/O ports, except for those that Xen uses itself.
 * Software resets the machine by ports 0x92 and 0xcf9. Port 0x4d0 is the 8259s' register that
 * selects which interrupts are level-triggered.
 *
 * Mechanism: dom0_setup_permissions() in Xen (arch/x86/dom0_build.c) lists the ports that a dom0
 * does not have, and 4.19 added these three. Xen emulates dom0's access to such a port: a read
 * returns all ones and a write has no effect, without #GP. The repro reads one byte of each port.
 *
 * Verdicts: good if 4.19 and later return all ones, and if older versions return the device's
 * value. bad if a version does what the other one should, or if a read faults.
 *
 * Cannot tell: on a machine whose device itself returns all ones, where both cases look the same;
 * and in a domU, which has no ports, so that every version returns all ones.
 */
#include "pv/xen/xen.h"
#include "repro/kit.h"

#define ALL_ONES 0xff
#define NOT_READ 0x5eed

REPRO("abi-ports")
{
    static const u16 ports[] = {0x92, 0xcf9, 0x4d0};
    const bool kept = kit_xen_version() >= XEN_VERSION(4, 19);

    kit_needs(KIT_XEN);
    if (!xen_is_dom0())
        cannot_tell("this is a domU, which has no ports");
    for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
        volatile u32 value = NOT_READ;
        struct fault fault;

        PV_TRY(fault)
        STEP
        {
            u8 byte;

            __asm__ volatile("inb %1, %0" : "=a"(byte) : "Nd"(ports[i]));
            value = byte;
        }
        EVIDENCE(value != NOT_READ || fault.caught);
        if (fault.caught || (value == ALL_ONES) != kept)
            bad("port 0x%x: 0x%x, %s", ports[i], value, kit_fault_text(&fault));
    }
    good("three ports, without a fault: %s", kept ? "all ones" : "what the devices have");
}
