/*
 * An op without a test does not link: here every op of pv/ops.def needs the symbol that TEST
 * defines when it cites the op (test/harness/test.h). The section is not part of what is loaded.
 */
// clang-format off
#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args) \
    __asm__(".section .coverage\n\t.quad no_test_covers_" #name "\n\t.text");
#define PV_CLASS_END(class)
#include "pv/ops.def"
