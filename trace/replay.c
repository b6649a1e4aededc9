/* SPDX-License-Identifier: MIT */
/*
 * run=replay: make the hypercalls of a recording. The first module is a program that the runner has
 * compiled from it (tools/paravane/trace/program.py): a head, then steps.
 *
 * A step is a hypercall, or code that makes one, with its registers and the memory to which they
 * point, which is copied to a buffer first. Numbers that another run or another hypervisor would
 * have given otherwise are symbols: a frame of this guest's is allocated for each symbol that the
 * recording used as one, and what a call returns (a port) gives its symbol a value. Relocations put
 * addresses of the buffer and values of symbols where the step needs them.
 *
 * The results are in the recording of this run, because the runner records it. The payload reports
 * only how far it has come. A program that makes no sense ends the run with an error before its
 * first step.
 */
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "lib/address_map.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "repro/kit.h"

#define MAGIC       0x79616c7065525650ull /* "PVReplay" */
#define VERSION     1
#define SYMBOLS_MAX 4096
#define BUFFER_SIZE KIB(32)

struct program {
    u64 magic;
    u32 version, nr_steps;
    u32 nr_symbols, nr_frames; /* the first symbols are frames */
};

struct step {
    u32 size; /* bytes of the step, all of it */
    u16 mode; /* 64: registers and the hypercall instruction; 32: code, in compatibility mode */
    u16 nr_relocations;
    u32 nr_binds;
    u32 nr_bytes; /* of the buffer's contents, which follow the relocations and binds */
    u32 nr_code;  /* of the code, which follows the buffer's contents (mode 32) */
    u32 reserved;
    u64 regs[15];
};

/* Write (value << shift) + addend to a register, or to the buffer. */
struct relocation {
    u8 is_memory, is_symbol; /* not a symbol: the address of the buffer */
    u8 shift, size;
    u32 at;     /* the register's number, or an offset in the buffer */
    u32 symbol; /* or an offset in the buffer */
    u32 reserved;
    u64 addend;
};

/* After the call a symbol is what the buffer has there. */
struct bind {
    u32 symbol, at, size, reserved;
};

/* Written: by the payload, which runs alone, as all variables here. */
static u8 buffer[BUFFER_SIZE] __aligned(PAGE_SIZE);
static u64 symbols[SYMBOLS_MAX];

static const struct relocation *relocations_of(const struct step *step)
{
    return (const void *)(step + 1);
}

static const struct bind *binds_of(const struct step *step)
{
    return (const void *)(relocations_of(step) + step->nr_relocations);
}

static const u8 *bytes_of(const struct step *step)
{
    return (const void *)(binds_of(step) + step->nr_binds);
}

static bool is_relocation(const struct relocation *r, u32 nr_symbols, u32 nr_bytes)
{
    if (r->size > 8 || r->shift > 63 || r->symbol >= (r->is_symbol ? nr_symbols : BUFFER_SIZE))
        return false;
    return r->is_memory ? (u64)r->at + r->size <= nr_bytes : r->at < 15;
}

static bool is_step(const struct step *step, u64 left, u32 nr_symbols)
{
    u64 size;

    if (left < sizeof(*step) || step->size > left)
        return false;
    size = sizeof(*step) + step->nr_relocations * sizeof(struct relocation) +
           (u64)step->nr_binds * sizeof(struct bind) + step->nr_bytes + step->nr_code;
    if (ALIGN_UP(size, 8) != step->size || step->nr_bytes > BUFFER_SIZE || step->nr_code > 256)
        return false;
    for (u32 i = 0; i < step->nr_relocations; i++)
        if (!is_relocation(&relocations_of(step)[i], nr_symbols, step->nr_bytes))
            return false;
    for (u32 i = 0; i < step->nr_binds; i++)
        if (binds_of(step)[i].symbol >= nr_symbols || binds_of(step)[i].size > 8 ||
            (u64)binds_of(step)[i].at + binds_of(step)[i].size > step->nr_bytes)
            return false;
    return step->mode == 64 || step->mode == 32;
}

static void check_program(const struct program *program, u64 size)
{
    const u8 *at = (const void *)(program + 1), *end = (const u8 *)program + size;

    if (size < sizeof(*program) || program->magic != MAGIC)
        finish(VERDICT_ERROR, "replay: the first module is not a program; use ./run.sh replay");
    if (program->version != VERSION)
        finish(VERDICT_ERROR, "replay: the program has version %u, this image replays %u",
               program->version, VERSION);
    if (program->nr_symbols > SYMBOLS_MAX || program->nr_frames > program->nr_symbols)
        finish(VERDICT_ERROR, "replay: %u symbols are more than %u", program->nr_symbols,
               SYMBOLS_MAX);
    for (u32 i = 0; i < program->nr_steps; i++) {
        const struct step *step = (const void *)at;

        if (!is_step(step, (u64)(end - at), program->nr_symbols))
            finish(VERDICT_ERROR, "replay: step %u of the program is damaged", i + 1);
        at += step->size;
    }
}

/* Give each symbol of a frame a zeroed frame of this guest's, as hypercalls count it. */
static void make_frames(u32 count)
{
    for (u32 i = 0; i < count; i++) {
        const pfn_t pfn = frame_alloc(0, FRAME_ZEROED, FRAME_KERNEL);

        if (pfn.n == PFN_INVALID.n)
            finish(VERDICT_ERROR, "replay: no memory for %u frames", count);
        symbols[i] = pv_pfn_to_mfn(pfn).n;
    }
}

static void relocate(const struct step *step, struct kit_regs *regs)
{
    u64 *const numbered = &regs->rax;

    for (u32 i = 0; i < step->nr_relocations; i++) {
        const struct relocation *r = &relocations_of(step)[i];
        const u64 base = step->mode == 64 ? (u64)buffer : (u64)buffer - VIRT_BASE;
        const u64 value =
            ((r->is_symbol ? symbols[r->symbol] : base + r->symbol) << r->shift) + r->addend;

        if (r->is_memory)
            memcpy(buffer + r->at, &value, r->size);
        else
            numbered[r->at] = value;
    }
}

static void bind_symbols(const struct step *step)
{
    for (u32 i = 0; i < step->nr_binds; i++) {
        const struct bind *b = &binds_of(step)[i];

        symbols[b->symbol] = 0;
        memcpy(&symbols[b->symbol], buffer + b->at, b->size);
    }
}

static void make_step(const struct step *step)
{
    struct kit_regs regs;

    _Static_assert(sizeof(regs) == sizeof(step->regs), "a step has all registers");
    memcpy(&regs, step->regs, sizeof(regs));
    memcpy(buffer, bytes_of(step), step->nr_bytes);
    relocate(step, &regs);
    if (step->mode == 32 && kit_place() != KIT_XEN_PVH)
        finish(VERDICT_SKIP, "replay: code in compatibility mode runs in a PVH guest only");
    if (step->mode == 64)
        kit_hypercall_regs(&regs);
    else
        kit_run32(bytes_of(step) + step->nr_bytes, step->nr_code, &regs);
    bind_symbols(step);
}

static void replay(void)
{
    const struct boot_module *module = &boot_info_ptr->modules[0];
    const struct program *program;
    const u8 *at;

    if (kit_place() == KIT_NATIVE)
        finish(VERDICT_SKIP, "replay: without a hypervisor there are no hypercalls");
    program = boot_info_ptr->nr_modules ? phys_to_va(module->base, module->size) : NULL;
    if (!program)
        finish(VERDICT_ERROR, "replay: the loader passed no module; use ./run.sh replay");
    check_program(program, module->size);
    make_frames(program->nr_frames);
    print("paravane: replay of %u steps begins\n", program->nr_steps);
    at = (const void *)(program + 1);
    for (u32 i = 0; i < program->nr_steps; i++) {
        make_step((const void *)at);
        at += ((const struct step *)(const void *)at)->size;
    }
    print("paravane: replay of %u steps ends\n", program->nr_steps);
    finish(VERDICT_PASS, "%s", "");
}

PAYLOAD_ALONE(replay, replay);
