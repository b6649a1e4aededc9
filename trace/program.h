/* SPDX-License-Identifier: MIT */
/*
 * The program of run=replay: what the runner makes of a recording
 * (tools/paravane/trace/program.py). A head, an initial value for each symbol, then steps.
 */
#ifndef TRACE_PROGRAM_H
#define TRACE_PROGRAM_H

#include "lib/types.h"

#define PROGRAM_MAGIC       0x79616c7065525650ull /* "PVReplay" */
#define PROGRAM_VERSION     2
#define PROGRAM_SYMBOLS_MAX 131072
#define PROGRAM_BUFFER      KIB(32)

struct program {
    u64 magic;
    u32 version, nr_steps;
    u32 nr_symbols, reserved;
};

/*
 * In place of a program: the replay labels so many bytes of memory with the token (record_page in
 * pv/record/record.h), and waits until the runner has written a program there.
 */
#define SLOT_MAGIC 0x746f6c5370525650ull /* "PVRpSlot" */

struct program_slot {
    u64 magic;
    u64 token;
    u64 size; /* bytes, whole pages */
};

/* The initial value of a symbol: a kind, and for SYMBOL_IMAGE an address. */
enum symbol_kind {
    SYMBOL_ZERO,
    SYMBOL_FRAME,          /* the number of a zeroed frame, as hypercalls count it */
    SYMBOL_UNMAPPED_FRAME, /* the same, of a frame that is mapped nowhere: it may become a table */
    SYMBOL_IMAGE,          /* the number of the frame at an address of the image */
};
#define SYMBOL_KIND(word)    ((word)&7)
#define SYMBOL_ADDRESS(word) (~7ull & (word))

enum step_mode {
    STEP_FILL = 1,  /* store the entries of a page table, if the frame is not one already */
    STEP_CODE = 32, /* run code in compatibility mode, with the registers */
    STEP_CALL = 64, /* make a hypercall with the registers */
};

struct step {
    u32 size; /* bytes of the step, all of it */
    u16 mode;
    u16 nr_relocations;
    u32 nr_binds;
    u32 nr_bytes; /* of the buffer's contents, which follow the relocations and binds */
    u32 nr_code;  /* of the code, which follows the buffer's contents (STEP_CODE) */
    u32 root;     /* 0; 1 + the symbol of the root on which the call is made; STEP_OWN_ROOT */
    u64 regs[15];
};

/* The call is made on this kernel's root, and may load another one. */
#define STEP_OWN_ROOT (~0u)

/* In place of registers: what STEP_FILL fills. The buffer's contents are the entries. */
struct table {
    u64 symbol, level, va;
    u64 pinned; /* pin it, because the recorded one was pinned */
};

/*
 * An entry of a table has the number of a symbol in place of its frame, unless one of these is set,
 * bits that a page table does not have.
 */
#define ENTRY_LITERAL (1ull << 62) /* the entry as it is */
#define ENTRY_OWN     (1ull << 61) /* the one that this kernel has for the address: its image's */

/* Write (value << shift) + addend to a register, or to the buffer. */
struct relocation {
    u8 is_memory, is_symbol; /* not a symbol: the address of the buffer */
    u8 shift, size;
    u32 at;     /* the register's number, or an offset in the buffer */
    u32 symbol; /* or an offset in the buffer */
    u32 reserved;
    u64 addend;
};

/* After the call a symbol is what the buffer has there, + addend. */
struct bind {
    u32 symbol, at, size, addend;
};

#endif
