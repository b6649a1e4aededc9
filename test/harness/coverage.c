/* SPDX-License-Identifier: MIT */
/*
 * Make an op without a test a link error: refer here to one symbol for each op of pv/ops.def. TEST
 * defines the symbol of each op that it cites (test/harness/test.h). The section is not loaded.
 */
// clang-format off
#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args) \
    __asm__(".section .coverage\n\t.quad no_test_covers_" #name "\n\t.text");
#define PV_CLASS_END(class)
#include "pv/ops.def"
