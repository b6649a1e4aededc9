/* SPDX-License-Identifier: MIT */
/*
 * Placeholders for a backend under construction (docs/backend.md): a function missing_NAME for each
 * op, which ends the run and names the op, and a table missing_CLASS_ops of each class.
 */
#ifndef PV_STUB_MISSING_H
#define PV_STUB_MISSING_H

#include "pv/backend.h"

#define PV_CLASS_BEGIN(class) extern const struct pv_##class##_ops missing_##class##_ops;

#define PV_OP(class, ret, name, params, args) ret missing_##name params;
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

#endif
