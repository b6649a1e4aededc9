/* SPDX-License-Identifier: MIT */
/* Records of code that makes hypercalls by itself, as repros do (record.h). */
#include "pv/record/record.h"

enum reg {
    RAX,
    RBX,
    RCX,
    RDX,
    RSI,
    RDI,
    R8 = 7,
    R9 = 8,
    R10 = 9,
};

enum {
    COMPAT_ARGS = 5,
    CODE = 0xff, /* in place of an argument's number */
    IN = 1,      /* RECORD_IN and RECORD_OUT of layouts.h, which needs Xen's headers */
    OUT = 2,
};

/* The registers of a hypercall's arguments (xen/arch-x86/xen-x86_32.h, xen-x86_64.h). */
static const u8 arguments32[COMPAT_ARGS] = {RBX, RCX, RDX, RSI, RDI};
static const u8 arguments64[] = {RDI, RSI, RDX, R10, R8, R9};

static void find_memory32(const u64 *regs, struct record_pieces *pieces)
{
    const u8 argument = record_pointer_of((u32)regs[RAX], (u32)regs[RBX]);

    if (argument < COMPAT_ARGS)
        record_add_piece(pieces, &(struct record_piece){(u32)regs[arguments32[argument]],
                                                        RECORD_COMPAT_BYTES, argument, 0, 0});
}

static void find_memory64(const u64 *regs, u32 direction, struct record_pieces *pieces)
{
    u64 args[6];

    for (u32 i = 0; i < 6; i++)
        args[i] = regs[arguments64[i]];
    if (direction == IN)
        record_tables_before((u32)regs[RAX], args);
    record_find_pieces((u32)regs[RAX], args, direction, pieces);
}

u64 record_code_enter(u32 mode, const void *code, u64 size, const u64 *regs)
{
    struct record_pieces pieces = {0};
    struct record_slot slot;
    u64 call;

    if (mode == 64)
        find_memory64(regs, IN, &pieces);
    else
        find_memory32(regs, &pieces);
    record_add_piece(&pieces, &(struct record_piece){(u64)code, size, CODE, 0, 0});
    call = record_open(&slot, RECORD_CODE, mode, RECORD_REGISTERS * sizeof(u64) + pieces.bytes);
    if (call) {
        for (u32 i = 0; i < RECORD_REGISTERS; i++)
            slot.words[i] = regs[i];
        record_write_pieces(slot.words + RECORD_REGISTERS, &pieces);
    }
    record_close(&slot);
    return call;
}

void record_code_exit(u32 mode, u64 call, const u64 *called_with, const u64 *regs)
{
    const u64 words = (1 + RECORD_REGISTERS) * sizeof(u64);
    struct record_pieces pieces = {0};
    struct record_slot slot;

    if (!call)
        return;
    if (mode == 64)
        find_memory64(called_with, OUT, &pieces);
    if (record_open(&slot, RECORD_CODERETURN, mode, words + pieces.bytes)) {
        slot.words[0] = call;
        for (u32 i = 0; i < RECORD_REGISTERS; i++)
            slot.words[1 + i] = regs[i];
        record_write_pieces(slot.words + 1 + RECORD_REGISTERS, &pieces);
    }
    record_close(&slot);
}
