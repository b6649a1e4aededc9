/* SPDX-License-Identifier: MIT */
/* Records of ops (the C half of ops.S). */
#include "pv/patch/patch.h"
#include "pv/record/record.h"
#include "pv/record/stubs.h"

struct pv_ops record_real; /* Written: by record_start, on one CPU */

extern const u8 record_op_stubs[];

/* Called by the stub of an op. Return the sequence of the call, 0 if it is not recorded. */
u64 record_op_enter(u32 op, const u64 args[3]);
void record_op_exit(u32 op, u64 call, u64 result);

enum {
    PV_ANY,
    PV_NOT_NMI = 0,
    PV_THREAD = 0,
    PV_MIGRATABLE = 0,
    PV_BOUND = 0,
    PV_NOT_PREEMPTIBLE = 0,
    PV_IRQS_OFF = 0,
    PV_IRQS_ON = 0,
    PV_SETS_IF = 0,
    PV_UNCHECKED = 1, /* no stub can stand for it: its caller's stack or registers are special */
};

/* How often an op is called decides whether it is recorded unless all are. */
enum temper {
    COLD,
    HOT,
    NEVER,
};

#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_CONTEXT(name, rules) enum { IS_NEVER_##name = (rules) };
#define PV_OP(class, ret, name, params, args)
#include "pv/ops.def"
#undef PV_CONTEXT
#undef PV_OP

static const u8 tempers[] = {
#define PV_OP(class, ret, name, params, args)  IS_NEVER_##name ? NEVER : COLD,
#define PV_HOT(class, ret, name, params, args) IS_NEVER_##name ? NEVER : HOT,
#include "pv/ops.def"
#undef PV_OP
};
#undef PV_CLASS_BEGIN
#undef PV_CLASS_END

/* Ops that only read, and are called about as often as hot ones. */
static bool only_reads(u32 op)
{
    return op == PV_NUMBER_clock_ns || op == PV_NUMBER_cpu_features || op == PV_NUMBER_cpu_is_up ||
           op == PV_NUMBER_steal_ns || op == PV_NUMBER_vcpu_is_preempted ||
           op == PV_NUMBER_hypercall_count || op == PV_NUMBER_user_access_begin ||
           op == PV_NUMBER_user_access_end;
}

static bool is_wanted(u32 op, enum record_ops which)
{
    if (!pv_ops.slot[op] || pv_ops.slot[op] == pv_missing || tempers[op] == NEVER)
        return false;
    return which == RECORD_OPS_ALL ||
           (which == RECORD_OPS_COLD && tempers[op] == COLD && !only_reads(op));
}

void record_ops_start(enum record_ops which)
{
    for (u32 op = 0; op < PV_NR_OPS; op++)
        if (is_wanted(op, which))
            pv_set_op(op, record_op_stubs + op * RECORD_STUB_SIZE);
}

u64 record_op_enter(u32 op, const u64 args[3])
{
    const u64 trap_flag = record_step_off();
    struct record_slot slot;
    const u64 call = record_open(&slot, RECORD_OP, op, 3 * sizeof(u64));

    if (call)
        for (u32 i = 0; i < 3; i++)
            slot.words[i] = args[i];
    record_close(&slot);
    record_step_on(trap_flag);
    return call;
}

void record_op_exit(u32 op, u64 call, u64 result)
{
    const u64 trap_flag = record_step_off();
    struct record_slot slot;

    if (call && record_open(&slot, RECORD_OPRETURN, op, 2 * sizeof(u64))) {
        slot.words[0] = call;
        slot.words[1] = result;
        record_close(&slot);
    }
    record_step_on(trap_flag);
}
