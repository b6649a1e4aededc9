/* SPDX-License-Identifier: MIT */
/*
 * run=replay: make the hypercalls of a recording. The first module is a program that the runner has
 * compiled from it (trace/program.h).
 *
 * A step is a hypercall, or code that makes one, with its registers and the memory to which they
 * point, which is copied to a buffer first. Numbers that another run or another hypervisor would
 * have given otherwise are symbols: frames of this guest's, and what a call returns, such as a
 * port. Relocations put addresses of the buffer and values of symbols where the step needs them.
 * Page tables of the recorded guest are built in frames of this one (tables.c).
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
#include "mm/mm.h"
#include "mm/vmap.h"
#include "pv/record/record.h"
#include "repro/kit.h"
#include "repro/kit/call.h"
#include "trace/replay.h"

/* Written: by the payload, which runs alone, as all variables here. */
static u8 buffer[PROGRAM_BUFFER] __aligned(PAGE_SIZE);
static u64 *symbols;

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

static const struct table *table_of(const struct step *step)
{
    return (const void *)step->regs;
}

/* ---- Is it a program? ------------------------------------------------------------------------ */

static bool is_relocation(const struct relocation *r, u32 nr_symbols, u32 nr_bytes)
{
    if (r->size > 8 || r->shift > 63 || r->symbol >= (r->is_symbol ? nr_symbols : PROGRAM_BUFFER))
        return false;
    return r->is_memory ? (u64)r->at + r->size <= nr_bytes : r->at < 15;
}

static bool is_table(const struct step *step, u32 nr_symbols)
{
    const struct table *t = table_of(step);
    const u64 *entries = (const void *)bytes_of(step);

    if (step->nr_bytes != PAGE_SIZE || t->symbol >= nr_symbols || !t->level || t->level > PT_LEVELS)
        return false;
    for (u32 i = 0; i < PT_ENTRIES; i++)
        if (entries[i] & PTE_PRESENT && !(entries[i] & (ENTRY_LITERAL | ENTRY_OWN)) &&
            value_pfn(entries[i]).n >= nr_symbols)
            return false;
    return true;
}

static bool is_step(const struct step *step, u64 left, u32 nr_symbols)
{
    const u32 root = step->root == STEP_OWN_ROOT ? 0 : step->root;
    u64 size;

    if (left < sizeof(*step) || step->size > left)
        return false;
    size = sizeof(*step) + step->nr_relocations * sizeof(struct relocation) +
           (u64)step->nr_binds * sizeof(struct bind) + step->nr_bytes + step->nr_code;
    if (ALIGN_UP(size, 8) != step->size || step->nr_bytes > PROGRAM_BUFFER || step->nr_code > 256 ||
        root > nr_symbols)
        return false;
    for (u32 i = 0; i < step->nr_relocations; i++)
        if (!is_relocation(&relocations_of(step)[i], nr_symbols, step->nr_bytes))
            return false;
    for (u32 i = 0; i < step->nr_binds; i++)
        if (binds_of(step)[i].symbol >= nr_symbols || binds_of(step)[i].size > 8 ||
            (u64)binds_of(step)[i].at + binds_of(step)[i].size > step->nr_bytes)
            return false;
    if (step->mode == STEP_FILL)
        return is_table(step, nr_symbols);
    return step->mode == STEP_CALL || step->mode == STEP_CODE;
}

static const u64 *words_of(const struct program *program)
{
    return (const void *)(program + 1);
}

static const u8 *steps_of(const struct program *program)
{
    return (const void *)(words_of(program) + program->nr_symbols);
}

static void check_program(const struct program *program, u64 size)
{
    const u8 *at, *end = (const u8 *)program + size;

    if (size < sizeof(*program) || program->magic != PROGRAM_MAGIC)
        finish(VERDICT_ERROR, "replay: the first module is not a program; use ./run.sh replay");
    if (program->version != PROGRAM_VERSION)
        finish(VERDICT_ERROR, "replay: the program has version %u, this image replays %u",
               program->version, PROGRAM_VERSION);
    if (program->nr_symbols > PROGRAM_SYMBOLS_MAX ||
        size - sizeof(*program) < program->nr_symbols * sizeof(u64))
        finish(VERDICT_ERROR, "replay: %u symbols are more than %u, or than the program has",
               program->nr_symbols, PROGRAM_SYMBOLS_MAX);
    at = steps_of(program);
    for (u32 i = 0; i < program->nr_steps; i++) {
        const struct step *step = (const void *)at;

        if (!is_step(step, (u64)(end - at), program->nr_symbols))
            finish(VERDICT_ERROR, "replay: step %u of the program is damaged", i + 1);
        at += step->size;
    }
}

/* ---- Symbols --------------------------------------------------------------------------------- */

/* Return the frame that is mapped at a page of the image; of a guard page, which is not, its own.
 */
static u64 frame_of_image(u64 va)
{
    const u64 entry = kit_entry(va, 1);

    return entry & PTE_PRESENT ? value_pfn(entry).n : kit_mfn((const void *)va);
}

static u64 initial_value(u64 word)
{
    switch (SYMBOL_KIND(word)) {
    case SYMBOL_FRAME:
        return kit_mfn(kit_frame());
    case SYMBOL_UNMAPPED_FRAME:
        return replay_unmapped_frame();
    case SYMBOL_IMAGE:
        return frame_of_image(SYMBOL_ADDRESS(word));
    default:
        return 0;
    }
}

static void make_symbols(const struct program *program)
{
    symbols = vmalloc(MAX(program->nr_symbols, 1u) * sizeof(*symbols));
    if (!symbols)
        finish(VERDICT_ERROR, "replay: no memory for %u symbols", program->nr_symbols);
    for (u32 i = 0; i < program->nr_symbols; i++)
        symbols[i] = initial_value(words_of(program)[i]);
}

static u64 value_of(const struct relocation *r, u64 base, const u64 *words)
{
    u64 value;

    if (!r->is_symbol)
        return ((base + r->symbol) << r->shift) + r->addend;
    value = (symbols[r->symbol] << r->shift) + r->addend;
    if (SYMBOL_KIND(words[r->symbol]) == SYMBOL_IMAGE && value & PTE_PRESENT)
        return replay_entry_of_image(value, words[r->symbol]);
    return value;
}

static void relocate(const struct step *step, struct kit_regs *regs, const u64 *words)
{
    u64 *const numbered = &regs->rax;

    for (u32 i = 0; i < step->nr_relocations; i++) {
        const struct relocation *r = &relocations_of(step)[i];
        const u64 base = step->mode == STEP_CALL ? (u64)buffer : (u64)buffer - VIRT_BASE;
        const u64 value = value_of(r, base, words);

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
        symbols[b->symbol] += b->addend;
    }
}

/* ---- Steps ----------------------------------------------------------------------------------- */

/* As kit_hypercall_regs, on other page tables than this kernel's. */
static void call_on_root(const struct step *step, struct kit_regs *regs)
{
    const u64 root = step->root == STEP_OWN_ROOT ? 0 : symbols[step->root - 1];
    const struct kit_regs before = *regs;
    u8 code[3];
    u64 call;

    kit_hypercall_insn(code);
    call = record_code_enter(64, code, sizeof(code), &regs->rax);
    replay_on_root(root, regs);
    record_code_exit(64, call, &before.rax, &regs->rax);
}

static void make_step(const struct program *program, const struct step *step)
{
    struct kit_regs regs;

    _Static_assert(sizeof(regs) == sizeof(step->regs), "a step has all registers");
    if (step->mode == STEP_FILL) {
        replay_fill_table(table_of(step), (const void *)bytes_of(step), words_of(program), symbols);
        return;
    }
    memcpy(&regs, step->regs, sizeof(regs));
    memcpy(buffer, bytes_of(step), step->nr_bytes);
    relocate(step, &regs, words_of(program));
    if (step->mode == STEP_CODE && kit_place() != KIT_XEN_PVH)
        finish(VERDICT_SKIP, "replay: code in compatibility mode runs in a PVH guest only");
    if (step->mode == STEP_CODE)
        kit_run32(bytes_of(step) + step->nr_bytes, step->nr_code, &regs);
    else if (step->root)
        call_on_root(step, &regs);
    else
        kit_hypercall_regs(&regs);
    bind_symbols(step);
}

/*
 * Return the program: the first module, or what the runner writes to memory for which the module
 * asks (struct program_slot).
 */
static const struct program *find_program(void)
{
    const struct boot_module *module = &boot_info_ptr->modules[0];
    const void *data = boot_info_ptr->nr_modules ? phys_to_va(module->base, module->size) : NULL;
    const struct program_slot *slot = data;
    u64 size = module->size;

    if (!data)
        finish(VERDICT_ERROR, "replay: the loader passed no module; use ./run.sh replay");
    if (size >= sizeof(*slot) && slot->magic == SLOT_MAGIC) {
        size = slot->size;
        data = replay_wait_for_program(slot);
    }
    check_program(data, size);
    return data;
}

static void replay(void)
{
    const struct program *program;
    const u8 *at;

    if (kit_place() == KIT_NATIVE)
        finish(VERDICT_SKIP, "replay: without a hypervisor there are no hypercalls");
    program = find_program();
    make_symbols(program);
    print("paravane: replay of %u steps begins\n", program->nr_steps);
    at = steps_of(program);
    for (u32 i = 0; i < program->nr_steps; i++) {
        make_step(program, (const void *)at);
        at += ((const struct step *)(const void *)at)->size;
    }
    print("paravane: replay of %u steps ends\n", program->nr_steps);
    finish(VERDICT_PASS, "%s", "");
}

PAYLOAD_ALONE(replay, replay);
