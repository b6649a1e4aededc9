/* SPDX-License-Identifier: MIT */
/*
 * The calls of hot ops, as inline assembly. It is a call of pv_hot_NAME, lengthened by prefixes to
 * the site's length (lengths.h); one instruction has 15 bytes at most, so no-ops before it make up
 * the rest.
 *
 * The compiler assumes that only those registers change that the native instruction changes. The
 * arguments are in rdi and rsi, where a C function takes them, the result is in rax. pv_hot_NAME
 * (thunks.S) keeps all others, and the arguments, whatever the op's function does.
 *
 * The stack pointer is an operand, so that the compiler makes the function's frame before the call.
 * Only pv/pv.h includes this file.
 */
#ifndef PV_PATCH_HOT_H
#define PV_PATCH_HOT_H

#include "pv/patch/lengths.h"

register u64 pv_stack_pointer __asm__("rsp");

/* Each hot op needs a length, and a definition below that fits its declaration. */
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args) \
    _Static_assert(PV_LENGTH_##name >= PV_BRANCH_LENGTH, "a site has room for a call"); \
    static inline ret pv_##name params;
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_CLASS_END
#undef PV_OP

#define PV_CALL(name) ".fill %c[nops], 1, 0x90\n\t.fill %c[pad], 1, 0x2e\n\tcall pv_hot_" #name
#define PV_NOPS(name) \
    (PV_LENGTH_##name > PV_INSTRUCTION_MAX ? PV_LENGTH_##name - PV_INSTRUCTION_MAX : 0)
#define PV_PAD(name) \
    [nops] "i"(PV_NOPS(name)), [pad] "i"(PV_LENGTH_##name - PV_BRANCH_LENGTH - PV_NOPS(name))
#define PV_SP [sp] "+r"(pv_stack_pointer)

/* Reserve the tail of a site (patch.c), for each op of PV_OPS_WITH_TAIL. */
#define PV_STRING(x)  #x
#define PV_SKIP(size) ".skip " PV_STRING(size) ", 0xcc"
#define PV_TAIL \
    "\n\t.pushsection .pv_tails, \"ax\", @progbits" \
    "\n\t" PV_SKIP(PV_TAIL_SIZE) "\n\t.popsection"

static inline u64 pv_save_fl(void)
{
    u64 flags;

    __asm__ volatile(PV_CALL(save_fl) : "=a"(flags), PV_SP : PV_PAD(save_fl) : "memory");
    return flags;
}

static inline void pv_restore_fl(u64 flags)
{
    __asm__ volatile(PV_CALL(restore_fl) PV_TAIL:PV_SP
                     : PV_PAD(restore_fl), "D"(flags)
                     : "memory", "cc");
}

static inline void pv_irq_disable(void)
{
    __asm__ volatile(PV_CALL(irq_disable) : PV_SP : PV_PAD(irq_disable) : "memory", "cc");
}

static inline void pv_irq_enable(void)
{
    __asm__ volatile(PV_CALL(irq_enable) PV_TAIL:PV_SP : PV_PAD(irq_enable) : "memory", "cc");
}

static inline u64 pv_read_cr2(void)
{
    u64 value;

    __asm__ volatile(PV_CALL(read_cr2) : "=a"(value), PV_SP : PV_PAD(read_cr2) : "cc");
    return value;
}

static inline void pv_write_cr2(u64 value)
{
    __asm__ volatile(PV_CALL(write_cr2) : PV_SP : PV_PAD(write_cr2), "D"(value) : "memory", "cc");
}

static inline u64 pv_read_tsc(void)
{
    u64 low, high;

    __asm__ volatile(PV_CALL(read_tsc) : "=a"(low), "=d"(high), PV_SP : PV_PAD(read_tsc) : "cc");
    return (u32)low | high << 32;
}

/* The site of these two has the address that CR3 holds, the op a pfn_t (thunks.S converts). */
static inline pfn_t pv_read_cr3(void)
{
    u64 cr3;

    __asm__ volatile(PV_CALL(read_cr3) : "=a"(cr3), PV_SP : PV_PAD(read_cr3) : "memory", "cc");
    return PFN(cr3 >> PAGE_SHIFT);
}

static inline void pv_write_cr3(pfn_t root)
{
    __asm__ volatile(PV_CALL(write_cr3)
                     : PV_SP
                     : PV_PAD(write_cr3), "D"(root.n << PAGE_SHIFT)
                     : "memory", "cc");
}

static inline void pv_flush_tlb_one(u64 va)
{
    __asm__ volatile(PV_CALL(flush_tlb_one)
                     : PV_SP
                     : PV_PAD(flush_tlb_one), "D"(va)
                     : "memory", "cc");
}

/* Define an op that converts a value of one type to one of another. */
#define PV_CONVERSION(to, name, from, get, make) \
    static inline to pv_##name(from argument) \
    { \
        u64 result; \
\
        __asm__ volatile(PV_CALL(name) \
                         : "=a"(result), PV_SP \
                         : PV_PAD(name), "D"(argument get) \
                         : "cc"); \
        return make(result); \
    }

PV_CONVERSION(mfn_t, pfn_to_mfn, pfn_t, .n, MFN)
PV_CONVERSION(pfn_t, mfn_to_pfn, mfn_t, .n, PFN)

/* The three ops of a level's entries. */
#define PV_LEVEL(type) \
    static inline type##_t pv_as_##type(u64 raw) \
    { \
        return (type##_t){raw}; \
    } \
    PV_CONVERSION(type##_t, make_##type, u64, , pv_as_##type) \
    PV_CONVERSION(u64, type##_val, type##_t, .raw, ) \
    static inline void pv_set_##type(type##_t *slot, type##_t entry) \
    { \
        __asm__ volatile(PV_CALL(set_##type) \
                         : PV_SP \
                         : PV_PAD(set_##type), "D"(slot), "S"(entry.raw) \
                         : "memory", "cc"); \
    }

PV_LEVEL(pte)
PV_LEVEL(pmd)
PV_LEVEL(pud)
PV_LEVEL(pgd)

#undef PV_CALL
#undef PV_NOPS
#undef PV_PAD
#undef PV_SP
#undef PV_STRING
#undef PV_SKIP
#undef PV_TAIL
#undef PV_CONVERSION
#undef PV_LEVEL

#endif
