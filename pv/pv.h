/* SPDX-License-Identifier: MIT */
/*
 * The op table, and the calls that go through it.
 *
 * pv/ops.def is the contract: one PV_OP for each op. This file turns it into C by defining PV_OP in
 * different ways and including it each time:
 *
 * - struct pv_CLASS_ops: the functions of one class of ops. A backend has one such table for each
 *   class (struct pv_backend in pv/backend.h).
 * - struct pv_ops: all classes in one flat table. pv_select copies the backend's tables into it.
 * - pv_NAME(args): a call through the table.
 */
#ifndef PV_PV_H
#define PV_PV_H

#include "lib/boot_info.h"
#include "pv/callbacks.h"
#include "pv/cpu_area.h"
#include "pv/cpu_start.h"
#include "pv/cpuid.h"
#include "pv/errno.h"
#include "pv/features.h"
#include "pv/grant.h"
#include "pv/mmu_types.h"
#include "pv/report.h"

/* The result of save_fl if interrupts are enabled (the bit of RFLAGS), else 0. */
#define PV_FLAG_IF 0x200ull

/* Argument of irq_bind, whose comment explains the sources. */
enum pv_irq_source {
    PV_IRQ_SOFT,
    PV_IRQ_ISA,
    PV_IRQ_GSI,
    PV_IRQ_CONSOLE,
};

/* struct pv_setup_ops, struct pv_irq_ops and so on: a typed function pointer for each op. */
#define PV_CLASS_BEGIN(class) \
    struct pv_##class##_ops \
    {
#define PV_OP(class, ret, name, params, args) ret(*name) params;
#define PV_CLASS_END(class) \
    } \
    ;
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

/* The ops' numbers, in the order of the contract: PV_NR_OPS is how many there are. */
enum {
#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args) PV_NUMBER_##name,
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
    PV_NR_OPS
};

/*
 * The flat table: all classes in one. pv_ops.irq.irq_mask is a typed slot; slot[n] is op n's, for
 * code that treats all ops alike (pv.c, pv/patch/). That code compares and copies addresses and
 * never calls through slot, so its elements have no function type.
 */
struct pv_ops {
    union {
        struct {
#define PV_CLASS_BEGIN(class) struct pv_##class##_ops class;
#define PV_OP(class, ret, name, params, args)
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
        };
        const void *slot[PV_NR_OPS];
    };
};
_Static_assert(sizeof(struct pv_ops) == PV_NR_OPS * sizeof(void *), "a class holds only its ops");

extern struct pv_ops pv_ops; /* changed by pv_set_op only (pv/patch/patch.h) */

/* The number of an op, by its field: PV_INDEX(cpu.iret). */
#define PV_INDEX(field) ((u32)(offsetof(struct pv_ops, field) / sizeof(void *)))

/*
 * The calls. Each is what it looks like, a call through the table:
 *
 *     pv_irq_mask(line)  is  pv_ops.irq.irq_mask(line)
 *
 * The first definition below says so, and the tests that run on the host compile it. The kernel
 * compiles the second one: pv_NAME is a function outside of this file that jumps through the slot
 * (pv/patch/thunks.S). It does the same, and each call of it has an address that the build can
 * list. Patching later rewrites these calls to be direct, or replaces them by the op's instruction
 * (pv/patch/patch.h). It only makes them faster: with "nopatch" the kernel runs without it.
 */
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#ifdef PV_NO_SITES
#define PV_OP(class, ret, name, params, args) \
    static inline ret pv_##name params \
    { \
        return pv_ops.class.name args; \
    }
#else
#define PV_OP(class, ret, name, params, args) ret pv_##name params;
#define PV_HOT(class, ret, name, params, args)
#endif
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

/* The calls of hot ops, which the compiler inlines and which keep almost all registers. */
#ifndef PV_NO_SITES
#include "pv/patch/hot.h"
#endif

/* Disable interrupts. Return the flag as it was, for pv_restore_fl. */
static inline u64 pv_irq_save(void)
{
    const u64 flags = pv_save_fl();

    pv_irq_disable();
    return flags;
}

/* Return true if every CPU of the set is up. */
bool pv_cpus_are_up(u64 cpus);

/* Return the selected backend's name, for messages: code above pv/ MUST NOT depend on it. */
const char *pv_backend_name(void);

/* Return the selectors that a frame of kernel mode has on the selected backend. */
u16 pv_kernel_cs(void);
u16 pv_kernel_ss(void);

#endif
