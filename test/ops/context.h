/* SPDX-License-Identifier: MIT */
/*
 * The op tables of check=context (test/ops/context.c), for the test that breaks each rule of
 * pv/ops.def once.
 */
#ifndef TEST_OPS_CONTEXT_H
#define TEST_OPS_CONTEXT_H

#include "pv/pv.h"

/* Every op as a wrapper that checks its caller and the state in which it returns. */
extern const struct pv_ops context_checked;

/*
 * The ops that the wrappers call. Written: by check_ops, or by the test without check=context,
 * before a wrapper is called; by the test, around a call of an op that no other thread uses.
 */
extern struct pv_ops context_real;

#endif
