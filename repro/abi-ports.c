/* SPDX-License-Identifier: MIT */
/*
 * Ports of the chipset that a dom0 can read.
 *
 * @title     ports 0x92, 0xcf9 and 0x4d0 of a dom0: the device's value before 4.19, all ones since
 * @affected  a fact of the ABI, no bug; changed by 9e2c146c38, ee3bcf907a, d0ea916fcd
 * @platforms xen-pv xen-pvh
 * @expect    4=good
 *
 * Background: a dom0 has the machine's ports, but for some that Xen needs itself. By 0x92 and 0xcf9
 * software resets the machine; 0x4d0 selects which interrupts are level-triggered.
 *
 * Mechanism: in 4.19 Xen added these three to the ports that it keeps. A read of such a port is
 * answered with all ones instead of #GP.
 *
 * Verdicts: good: as this version does, without a fault. bad: the other way round, or a fault.
 *
 * Cannot tell: on a machine whose device answers with all ones: port 0xf0 here.
 */
#include "repro/kit.h"

#define ALL_ONES 0xff
#define NOT_READ 0x5eed

REPRO("abi-ports")
{
    static const u16 ports[] = {0x92, 0xcf9, 0x4d0};
    const bool kept = kit_xen_version() >= XEN_VERSION(4, 19);

    kit_needs(KIT_XEN);
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
