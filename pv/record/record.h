/* SPDX-License-Identifier: MIT */
/*
 * Recording: each op, each hypercall and each callback of a run becomes a record in memory that
 * the host reads while the machine runs. docs/trace.md explains what the host makes of it.
 *
 * Recording changes nothing while it is off. Turned on, it exchanges the functions in the op table
 * for stubs (ops.S) before call sites are patched, the targets of the jumps into the hypercall page
 * (hypercalls.S), and the table of callbacks. A stub writes a record with the arguments, calls what
 * it replaces, and writes one with the result.
 *
 * How records leave. The kernel puts the rings into any pages of its memory and begins each page
 * with a number that the host has chosen. The host, which has the machine's memory in a file of its
 * own, looks for that number and so finds the pages, wherever a hypervisor below has placed them.
 * It says so in the first page (ready), takes records from the rings, and moves their tails. The
 * guest executes no instruction to send a record, and what it had written survives the death of
 * the guest, of its hypervisor and of the emulator.
 *
 * A ring has one writer, its CPU: interrupts are disabled while a record is written, and an NMI
 * that arrives in the meantime takes the next place (reserve is one compare-and-swap). So no lock
 * is needed. The first word of a record is written last; the host takes a record when that word is
 * not 0, and makes it 0 again.
 */
#ifndef PV_RECORD_RECORD_H
#define PV_RECORD_RECORD_H

#include "pv/pv.h"
#include "pv/x86.h"

#define RECORD_VERSION 1

/* The kinds of records, and what follows their head. tools/paravane/trace/raw.py reads them. */
enum record_kind {
    RECORD_NONE,
    RECORD_PAD,         /* nothing: the rest of the ring, up to its end */
    RECORD_HYPERCALL,   /* id: the number; six arguments, then chunks of memory */
    RECORD_HYPERRETURN, /* id: the number; the sequence of the call, the result, chunks */
    RECORD_OP,          /* id: the op's number; three arguments, as many of them as it has */
    RECORD_OPRETURN,    /* id: the op's number; the sequence of the call, the result */
    RECORD_CALLBACK,    /* id: enum record_callback; four words */
    RECORD_CODE,        /* id: 32 or 64; fifteen registers, then chunks: the code, and memory */
    RECORD_CODERETURN,  /* id: 32 or 64; the sequence of the call, fifteen registers, chunks */
    RECORD_TABLE,       /* id: the level; mfn, address, is it pinned?; a chunk: its entries */
    RECORD_FRAMES,      /* id: 0; the first pfn, its mfn, how many contiguous ones there are */
};

enum record_callback {
    RECORD_EXCEPTION, /* vector, error, rip, fault address */
    RECORD_NMI,       /* rip */
    RECORD_SYSCALL,   /* vector, rip, rax */
    RECORD_FAILSAFE,  /* rip */
    RECORD_INTERRUPT, /* line, rip */
    RECORD_TIMER,     /* rip */
    RECORD_IPI,       /* kind, rip */
    RECORD_UNCLAIMED, /* vector */
    RECORD_SUSPEND,
    RECORD_RESUME, /* cancelled */
};

/* A record's first word: its size in bytes, and from these bits on its kind, CPU and id. */
#define RECORD_KIND_SHIFT 32
#define RECORD_CPU_SHIFT  40
#define RECORD_ID_SHIFT   48

static inline u64 record_commit(u64 size, enum record_kind kind, u32 cpu, u32 id)
{
    return size | (u64)kind << RECORD_KIND_SHIFT | (u64)cpu << RECORD_CPU_SHIFT |
           (u64)id << RECORD_ID_SHIFT;
}

static inline u32 record_cpu(u64 commit)
{
    return commit >> RECORD_CPU_SHIFT & 0xff;
}

/* A record begins with this; all records are a multiple of 8 bytes long. */
struct record_head {
    u64 commit; /* as record_commit() returns it; 0: not complete */
    u64 sequence;
    u64 tsc;
};

/* A piece of memory in a record; the bytes follow, padded to a multiple of 8. */
struct record_chunk {
    u64 address;
    u32 length; /* of the bytes that follow */
    u8 argument;
    u8 list;  /* 0: the argument itself; else the number of the list within its struct, from 1 */
    u8 flags; /* RECORD_CUT, RECORD_UNREADABLE */
    u8 reserved;
};
#define RECORD_CUT        1 /* there is more than fits */
#define RECORD_UNREADABLE 2 /* a read faulted: the bytes from there on are missing */

/* What the host reads and writes of one ring: positions count all bytes since the start. */
struct record_ring {
    u64 head; /* written by the guest: up to here places are taken */
    u64 tail; /* written by the host: up to here it has taken records */
    u64 lost; /* written by the guest: records for which the ring had no room */
    u64 open; /* written by the guest: records that are being written, one inside the other */
};

#define RECORD_MAGIC 0x6563617274767241ull

/* Each page begins so until the host is ready. */
struct record_page {
    u64 magic, token;
    u32 number, count; /* of this page, and of all pages */
};

/* Label a page of zeros with the host's number, so that the host finds it. */
static inline void record_page_label(void *page, u64 token, u32 number, u32 count)
{
    struct record_page *label = page;

    *label = (struct record_page){0, token, number, count};
    barrier();
    WRITE_ONCE(label->magic, RECORD_MAGIC);
}

struct record_control {
    struct record_page page;
    u32 version, nr_rings;
    u64 ring_size; /* bytes, a power of two */
    u32 ready;     /* written by the host: 1 when it has found all pages */
    u32 lossy;     /* 0: the guest waits for room; 1: it counts the record as lost */
    u64 sequence;  /* of the last record */
    u8 reserved[256 - 56];
    struct record_ring rings[PV_CPUS_MAX];
};
_Static_assert(offsetof(struct record_control, rings) == 256, "raw.py has this offset");
_Static_assert(sizeof(struct record_control) <= PAGE_SIZE, "the first page holds it");

/* Which ops are recorded. */
enum record_ops {
    RECORD_OPS_NONE,       /* hypercalls and callbacks only */
    RECORD_OPS_CALLS_ONLY, /* hypercalls only */
    RECORD_OPS_COLD,       /* all but hot ops and others that only read */
    RECORD_OPS_ALL,
};

struct record_options {
    u64 token; /* as the host has chosen it */
    u32 cpus;  /* how many rings: the host's word, because cpu_count does not work yet */
    bool lossy;
    enum record_ops ops;
};

/* Return how many bytes of memory record_start needs: whole pages. */
u64 record_memory_size(const struct record_options *options);

/*
 * Start recording in this memory, which stays with the recorder. Return NULL, or what is wrong: no
 * host has answered. Context: early, once, after the kernel has its page tables and before call
 * sites are patched.
 */
const char *record_start(void *memory, const struct record_options *options);

/* ---- For the files in this folder, and for code that calls the hypervisor by other ways --------
 */

/* A record that is being written. */
struct record_slot {
    u64 *words; /* what follows the head; NULL: not recorded */
    struct record_head *head;
    u64 commit, flags;
};

/*
 * Take a place for a record with so many bytes after its head. Interrupts are off until
 * record_close, which completes it. record_open returns its sequence, 0 if recording is off or the
 * record is lost; then slot->words is NULL, and record_close does nothing.
 */
u64 record_open(struct record_slot *slot, enum record_kind kind, u32 id, u64 bytes);
void record_close(const struct record_slot *slot);

/*
 * Single-stepping ends while the recorder works, and continues after it, for the code that is
 * recorded. record_step_off returns RFLAGS.TF as it was.
 */
static inline u64 record_step_off(void)
{
    u64 flags;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
    if (flags & RFLAGS_TF)
        __asm__ volatile("pushq %0\n\tpopfq" : : "r"(flags & ~RFLAGS_TF) : "memory", "cc");
    return flags & RFLAGS_TF;
}

static inline void record_step_on(u64 trap_flag)
{
    if (trap_flag)
        __asm__ volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq" : : "r"(trap_flag) : "memory", "cc");
}

extern struct pv_ops record_real; /* the functions that stubs call */
void record_ops_start(enum record_ops which);

/*
 * Replace the table of callbacks. record: each of them becomes a record. Else they do not, but a
 * debug exception in the recorder is kept from the kernel in either case: the recorder's
 * instructions are not those that a test steps through.
 */
void record_callbacks_start(bool record);

void record_hypercalls_start(void);

/* Copy memory that may be unmapped; return how many bytes were not copied. hypercalls.S */
u64 record_copy(void *to, const void *from, u64 size);
extern const u8 record_copy_instruction[];

/*
 * Record that code which makes a hypercall by itself is about to run with these fifteen registers
 * (in the order of struct kit_regs, repro/kit.h), in 32-bit or 64-bit mode, and what they are after
 * it (record_code_exit, which also needs those with which it was called).
 * record_code_enter returns the sequence of the call, 0 if it is not recorded. In 64-bit mode the
 * number of the hypercall in rax says what the registers point to; in 32-bit mode its arguments are
 * physical addresses, and RECORD_COMPAT_BYTES at the one that layouts.def names are recorded.
 */
#define RECORD_REGISTERS    15
#define RECORD_COMPAT_BYTES 64
u64 record_code_enter(u32 mode, const void *code, u64 size, const u64 *regs);
void record_code_exit(u32 mode, u64 call, const u64 *called_with, const u64 *regs);

/*
 * Page tables of a PV guest (pv/xen/record/tables.c): record the kernel's, and those that a
 * hypercall with these arguments is about to make tables. No effect elsewhere.
 */
void record_tables_start(void);
void record_tables_before(u32 number, const u64 args[6]);

/* ---- args.c: the memory of arguments ----------------------------------------------------------*/

#define RECORD_CHUNKS_MAX 6
#define RECORD_CHUNK_MAX  8192ull

struct record_piece {
    u64 address, length;
    u8 argument, list, flags;
};

struct record_pieces {
    u32 count;
    u64 bytes; /* that all chunks take in a record */
    struct record_piece piece[RECORD_CHUNKS_MAX];
};

/* Return the number of the argument that is a pointer, or RECORD_NO_POINTER. */
u8 record_pointer_of(u32 number, u32 command);
#define RECORD_NO_POINTER 0xff

/* The memory that Xen reads (RECORD_IN) or writes (RECORD_OUT) at a call with these arguments. */
void record_find_pieces(u32 number, const u64 args[6], u32 direction, struct record_pieces *found);
void record_add_piece(struct record_pieces *pieces, const struct record_piece *piece);
void record_write_pieces(u64 *to, const struct record_pieces *pieces);

#endif
