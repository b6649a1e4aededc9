/* SPDX-License-Identifier: MIT */
/* Records of hypercalls (the C half of hypercalls.S). */
#include "pv/patch/patch.h"
#include "pv/xen/record/layouts.h"
#include "pv/record/stubs.h"
#include "pv/xen/hypercall.h"

extern const u8 record_hypercall_stubs[];

/* Of each function of pv/xen/hypercall.S: its jump, as an offset from VIRT_BASE, and its number. */
extern const struct hypercall_jump {
    u32 at, number;
} xen_hypercall_jumps[], xen_hypercall_jumps_end[];

/* Called by the stub of a hypercall. Return the sequence of the call, 0 if it is not recorded. */
u64 record_hypercall_enter(u32 number, const u64 args[6]);
void record_hypercall_exit(u32 number, const u64 args[6], u64 call, u64 result);

void record_hypercalls_start(void)
{
    const struct hypercall_jump *jump;

    for (jump = xen_hypercall_jumps; jump < xen_hypercall_jumps_end; jump++)
        pv_retarget_jump((u8 *)(VIRT_BASE + jump->at), hypercall_page + jump->number * 32,
                         record_hypercall_stubs + jump->number * RECORD_STUB_SIZE);
}

u64 record_hypercall_enter(u32 number, const u64 args[6])
{
    const u64 trap_flag = record_step_off();
    struct record_pieces pieces;
    struct record_slot slot;
    u64 call;

    record_tables_before(number, args);
    record_find_pieces(number, args, RECORD_IN, &pieces);
    call = record_open(&slot, RECORD_HYPERCALL, number, 6 * sizeof(u64) + pieces.bytes);
    if (call) {
        for (u32 i = 0; i < 6; i++)
            slot.words[i] = args[i];
        record_write_pieces(slot.words + 6, &pieces);
    }
    record_close(&slot);
    record_step_on(trap_flag);
    return call;
}

static void record_return(u32 number, const u64 args[6], u64 call, u64 result)
{
    struct record_pieces pieces;
    struct record_slot slot;

    record_find_pieces(number, args, RECORD_OUT, &pieces);
    if (record_open(&slot, RECORD_HYPERRETURN, number, 2 * sizeof(u64) + pieces.bytes)) {
        slot.words[0] = call;
        slot.words[1] = result;
        record_write_pieces(slot.words + 2, &pieces);
    }
    record_close(&slot);
}

void record_hypercall_exit(u32 number, const u64 args[6], u64 call, u64 result)
{
    const u64 trap_flag = record_step_off();

    if (call)
        record_return(number, args, call, result);
    record_step_on(trap_flag);
}
