/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that a PV guest may have in its GDT.
 *
 * @title     update_descriptor: task states refused, gates taken with DPL 0, data of DPL 0 gets 3
 * @affected  a fact of the ABI, no bug
 * @platforms xen-pv
 * @expect    4=good
 *
 * Background: a PV guest's GDT is read-only to it; entries change by update_descriptor.
 *
 * Mechanism: Xen lets segments of code and data in, at the privilege that a 64-bit guest runs with;
 * takes call gates, but makes their DPL 0, so that their use faults and Xen can emulate it; and
 * refuses all else that is the CPU's own business.
 *
 * Verdicts: good: a task state is -EINVAL; a call gate of DPL 3 is taken and has DPL 0; flat data
 * of DPL 0 is taken and has DPL 3. bad: otherwise.
 *
 * Cannot tell: 32-bit guests, whose kernel runs in ring 1.
 */
#include "repro/kit.h"

#define TASK_STATE 0x0000890000000067
#define CALL_GATE  0x0000ec00000b0000 /* DPL 3, to RPL 3, which Xen would set anyway */
#define FLAT_DPL_0 0x00cf93000000ffff
#define DPL_3      0x0000600000000000

REPRO("abi-descriptor")
{
    long task = KIT_NOT_MADE, gate = KIT_NOT_MADE, data = KIT_NOT_MADE;
    u64 stored_gate = 0, stored_data = 0;

    kit_needs(KIT_XEN_PV);
    STEP
    {
        task = kit_set_descriptor(KIT_GDT_FREE, TASK_STATE);
        gate = kit_set_descriptor(KIT_GDT_FREE, CALL_GATE);
        stored_gate = kit_descriptor(KIT_GDT_FREE);
        data = kit_set_descriptor(KIT_GDT_FREE, FLAT_DPL_0);
        stored_data = kit_descriptor(KIT_GDT_FREE);
    }
    EVIDENCE(task != KIT_NOT_MADE && gate != KIT_NOT_MADE && data != KIT_NOT_MADE);
    if (task != -EINVAL)
        bad("task state: %ld", task);
    if (gate || stored_gate != (CALL_GATE & ~DPL_3))
        bad("call gate: %ld, stored 0x%llx", gate, (unsigned long long)stored_gate);
    if (data || stored_data != (FLAT_DPL_0 | DPL_3))
        bad("data: %ld, stored 0x%llx", data, (unsigned long long)stored_data);
    good("task state -EINVAL, call gate with DPL 0, data with DPL 3");
}
