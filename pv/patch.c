/*
 * Call-site patching. tools/sites.py has found every call of an op in the image (struct pv_site);
 * here each is rewritten to what the table makes of it: code of the op's own function, if a form of
 * it fits, else a call straight to the function. What a site is before and after is computed from
 * the table alone, so nothing of what was overwritten need be kept.
 *
 * Text is never writable where it is executed: it is written through an alias in the fixmap, which
 * is not executable and is gone afterwards. The same on every backend: Xen counts the alias as a
 * writable mapping of a frame that is no page table, and lets it be.
 */
#include "pv/patch.h"
#include "lib/string.h"

enum {
    OP_CALL = 0xe8,
    OP_JUMP = 0xe9,
    OP_RET = 0xc3,
    OP_NOP = 0x90,
    PREFIX = 0x2e, /* %cs:, which 64-bit mode ignores */
    BRANCH_LENGTH = 5,
    INSTRUCTION_MAX = 15,
    THUNK_SIZE = 8,
    MISSING_SIZE = 16,
};

extern const u8 _text_start[];
extern u8 _pv_tails[];
extern const struct pv_form _pv_forms_start[], _pv_forms_end[];
extern const u8 pv_thunks[], pv_missing_stubs[];

struct pv_ops pv_ops;

#define FUNCTIONS ((const void **)&pv_ops)

static const struct pv_form *forms[sizeof(struct pv_ops) / sizeof(void *)];
static bool is_patched;

static const char *const names[] = {
#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args) #name,
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_OP
};

/* What the sites of hot ops call. */
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args, length) void pv_keep_##name(void);
#include "pv/ops.def"
static const void *const hot[] = {
#define PV_HOT(class, ret, name, params, args, length) [PV_INDEX(class.name)] = pv_keep_##name,
#include "pv/ops.def"
#undef PV_OP
#undef PV_CLASS_BEGIN
#undef PV_CLASS_END
};

const char *pv_op_name(u32 op)
{
    return op < ARRAY_SIZE(names) ? names[op] : "?";
}

/* What an empty slot leads to (thunks.S). */
void pv_missing(u32 op) __noreturn;
void pv_missing(u32 op)
{
    pv_panic(pv_op_name(op), "empty in this backend; called from %p", __builtin_return_address(0));
}

static const void *missing_stub(u32 op)
{
    return pv_missing_stubs + op * MISSING_SIZE;
}

static void find_form(u32 op)
{
    forms[op] = NULL;
    for (const struct pv_form *f = _pv_forms_start; f < _pv_forms_end; f++)
        if (f->function == FUNCTIONS[op])
            forms[op] = f;
}

static void fill_slot(u32 op, const void *function)
{
    FUNCTIONS[op] = function ? function : missing_stub(op);
    find_form(op);
}

u8 *pv_site_address(const struct pv_site *site)
{
    return (u8 *)(u64)_text_start + site->offset;
}

/* ---- What a site is to be -------------------------------------------------------------------- */

/* Appends a jump or call, to an address that lies within 2 GiB as all of the image does. */
static void add_branch(u8 *bytes, u8 *length, const u8 *at, u8 opcode, const void *target)
{
    const u32 distance = (u32)((u64)target - (u64)(at + *length + BRANCH_LENGTH));

    bytes[(*length)++] = opcode;
    memcpy(bytes + *length, &distance, sizeof(distance));
    *length = (u8)(*length + sizeof(distance));
}

static void branch(const struct pv_site *site, struct pv_site_code *code, const void *target)
{
    const u8 nops = site->length > INSTRUCTION_MAX ? site->length - INSTRUCTION_MAX : 0;

    code->length = (u8)(site->length - BRANCH_LENGTH);
    memset(code->bytes, OP_NOP, nops);
    memset(code->bytes + nops, PREFIX, (size_t)(code->length - nops));
    add_branch(code->bytes, &code->length, pv_site_address(site),
               site->kind == PV_SITE_JUMP ? OP_JUMP : OP_CALL,
               site->kind == PV_SITE_HOT ? hot[site->op] : target);
}

static void trap(const struct pv_site *site, struct pv_site_code *code)
{
    static const u8 ud2[2] = {0x0f, 0x0b};

    code->length = site->length;
    code->state = PV_STATE_TRAP;
    memset(code->bytes, OP_NOP, site->length);
    memcpy(code->bytes, ud2, sizeof(ud2));
}

static void tail(const struct pv_site *site, const struct pv_form *form, struct pv_site_code *code)
{
    u8 *const at = _pv_tails + site->tail * PV_TAIL_MAX;
    const u8 *const end = pv_site_address(site) + site->length;

    if (form->link_length == 2)
        code->bytes[code->length++] = form->link[0];
    add_branch(code->bytes, &code->length, pv_site_address(site), form->link[form->link_length - 1],
               at);
    memcpy(code->tail, form->test, form->test_length);
    code->tail_length = form->test_length;
    code->tail[code->tail_length++] = 0x0f; /* je */
    add_branch(code->tail, &code->tail_length, at, 0x84, end);
    add_branch(code->tail, &code->tail_length, at, OP_CALL, form->helper);
    add_branch(code->tail, &code->tail_length, at, OP_JUMP, end);
}

/* False if the form is longer than the site, or shorter by more than its first instruction may
 * grow. */
static bool in_place(const struct pv_site *site, const struct pv_form *form,
                     struct pv_site_code *code)
{
    const bool jump = site->kind == PV_SITE_JUMP;
    const int link = form->link_length ? form->link_length + 4 : 0;
    const int pad = site->length - form->length - link - jump;

    if (pad < 0 || pad + form->first > INSTRUCTION_MAX || (link && !site->has_tail))
        return false;
    memset(code->bytes, PREFIX, (size_t)pad);
    memcpy(code->bytes + pad, form->code, form->length);
    code->length = (u8)(pad + form->length);
    if (link)
        tail(site, form, code);
    if (jump)
        code->bytes[code->length++] = OP_RET;
    code->state = form->nothing ? PV_STATE_NOTHING : PV_STATE_INLINE;
    code->text = form->text;
    return true;
}

static void code_of(const struct pv_site *site, bool patched, struct pv_site_code *code)
{
    code->text = "";
    code->tail_length = 0;
    code->target = NULL;
    if (!patched) {
        code->state = PV_STATE_INDIRECT;
        code->target = pv_thunks + site->op * THUNK_SIZE;
        branch(site, code, code->target);
    } else if (FUNCTIONS[site->op] == missing_stub(site->op)) {
        trap(site, code);
    } else if (!forms[site->op] || !in_place(site, forms[site->op], code)) {
        code->state = PV_STATE_DIRECT;
        code->target = FUNCTIONS[site->op];
        branch(site, code, code->target);
    }
}

void pv_site_code(const struct pv_site *site, struct pv_site_code *code)
{
    code_of(site, is_patched, code);
}

static const struct pv_site *site_around(u64 address)
{
    const struct pv_site *low = pv_sites, *high = pv_sites_end;

    while (low < high) {
        const struct pv_site *middle = low + (high - low) / 2;

        if (address >= (u64)pv_site_address(middle) + middle->length)
            low = middle + 1;
        else
            high = middle;
    }
    return low < pv_sites_end && address >= (u64)pv_site_address(low) ? low : NULL;
}

const char *pv_trap_at(u64 address)
{
    const struct pv_site *site = site_around(address);
    struct pv_site_code code;

    if (!site || (u64)pv_site_address(site) != address)
        return NULL;
    pv_site_code(site, &code);
    return code.state == PV_STATE_TRAP ? pv_op_name(site->op) : NULL;
}

void pv_restart_site(struct trap_frame *frame)
{
    const struct pv_site *site = site_around(frame->rip);
    struct pv_site_code code;

    if (!site || frame->rip == (u64)pv_site_address(site))
        return;
    pv_site_code(site, &code);
    if (code.state == PV_STATE_INLINE)
        frame->rsp += forms[site->op]->pushes;
    frame->rip = (u64)pv_site_address(site);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Two pages of the fixmap, for text that crosses from one page to the next; which page is there. */
static struct window {
    enum pv_fixmap index;
    u64 page[2];
} site_window = {.index = FIX_TEXT}, tail_window = {.index = FIX_TAIL};

static void map(struct window *w, u32 i, u64 page)
{
    const u64 flags = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX;

    if (w->page[i] == page)
        return;
    w->page[i] = page;
    pv_set_fixmap((enum pv_fixmap)(w->index + i), page ? (page - VIRT_BASE) | flags : 0);
}

static void unmap(struct window *w)
{
    map(w, 0, 0);
    map(w, 1, 0);
}

static void write_text(struct window *w, u8 *to, const u8 *from, u32 length)
{
    const u64 page = ALIGN_DOWN((u64)to, PAGE_SIZE), last = (u64)to + length - 1;
    volatile u8 *alias;

    map(w, 0, page);
    if (last >= page + PAGE_SIZE)
        map(w, 1, page + PAGE_SIZE);
    alias = (u8 *)fixmap_va(w->index) + (u64)to % PAGE_SIZE;
    for (u32 i = 0; i < length; i++)
        alias[i] = from[i];
    if (memcmp(to, from, length))
        pv_panic("patch", "%p is not what was written there", (void *)to);
}

static void patch_one(const struct pv_site *site, bool patched)
{
    struct pv_site_code old, new;

    code_of(site, is_patched, &old);
    if (memcmp(pv_site_address(site), old.bytes, site->length))
        pv_panic("patch", "%p is no site of %s as it was left", (void *)pv_site_address(site),
                 pv_op_name(site->op));
    code_of(site, patched, &new);
    if (new.tail_length)
        write_text(&tail_window, _pv_tails + site->tail * PV_TAIL_MAX, new.tail, new.tail_length);
    write_text(&site_window, pv_site_address(site), new.bytes, site->length);
}

/* The sites of one op, or of all. */
static void patch_sites(u32 op, bool patched)
{
    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++)
        if (op == PV_NR_OPS || site->op == op)
            patch_one(site, patched);
    unmap(&site_window);
    unmap(&tail_window);
    pv_sync_core();
}

/* cpuid serialises (Intel SDM vol. 3, section 9.3), for a guest too. */
void pv_sync_core(void)
{
    u32 leaf = 0, subleaf = 0;

    __asm__ volatile("cpuid" : "+a"(leaf), "+c"(subleaf) : : "rbx", "rdx", "memory");
}

bool pv_is_patched(void)
{
    return is_patched;
}

void pv_patch(bool patched)
{
    if (patched == is_patched)
        return;
    patch_sites(PV_NR_OPS, patched);
    is_patched = patched;
}

void pv_set_op(u32 op, const void *function)
{
    const bool was_patched = is_patched;

    if (was_patched)
        patch_sites(op, false);
    fill_slot(op, function);
    if (!was_patched)
        return;
    is_patched = false;
    patch_sites(op, true);
    is_patched = true;
}
