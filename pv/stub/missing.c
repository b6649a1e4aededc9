/* SPDX-License-Identifier: MIT */
/* missing_NAME of each op, which ends the run, and the tables of these functions. */
#include "pv/stub/missing.h"

/*
 * Report on the raw console, which needs no op. caller is the address after the call, which the
 * runner turns into a function's name.
 */
static __noreturn void report_missing(const char *op, const char *file, u32 line,
                                      const void *caller)
{
    pv_raw_print("\nparavane: PANIC: op %s of backend %s is not written: its contract is at "
                 "%s:%u, the order of work in docs/backend.md\n"
                 "  #0 %016lx\n"
                 "paravane: verdict FAIL: op %s is not written\n",
                 op, pv_backend_name(), file, line, (unsigned long)caller, op);
    pv_raw_end(PV_STATUS_FAIL);
}

/* The functions do not use their arguments. */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args) \
    ret missing_##name params \
    { \
        report_missing(#name, __FILE__, __LINE__, __builtin_return_address(0)); \
    }
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

#define PV_CLASS_BEGIN(class) const struct pv_##class##_ops missing_##class##_ops = {

#define PV_OP(class, ret, name, params, args) .name = missing_##name,
#define PV_CLASS_END(class) \
    } \
    ;
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
