/*
 * Call-site patching. tools/build/sites.py has found every call of an op in the image (struct
 * pv_site); here each is rewritten to what the table makes of it: code of the op's own function, if
 * a template of it fits, else a call straight to the function. What a site is before and after is
 * computed from the table alone, so nothing of what was overwritten need be kept.
 *
 * Text is never writable where it is executed: it is written through an alias in the fixmap, which
 * is not executable and is gone afterwards. The same on every backend: Xen counts the alias as a
 * writable mapping of a frame that is no page table, and lets it be.
 */
#include "pv/patch/patch.h"
#include "lib/string.h"

enum {
    OP_CALL = 0xe8,
    OP_JUMP = 0xe9,
    OP_RET = 0xc3,
    OP_NOP = 0x90,
    PREFIX = 0x2e, /* %cs:, which 64-bit mode ignores */
    BRANCH_LENGTH = 5,
    INSTRUCTION_MAX = 15,
    THUNK_SIZE = 6,
};

extern u8 _text_start[], _pv_tails[];
extern const struct pv_template _pv_templates_start[], _pv_templates_end[];
extern const u8 pv_thunks[], pv_hot_functions[];

struct pv_ops pv_ops; /* Written: by pv_select and pv_set_op, whose context is one CPU */

static bool is_patched; /* Written: by pv_patch, while no other CPU runs an op */

/* In the order of pv_hot_functions. */
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args) {(u8)PV_INDEX(class.name), PV_LENGTH_##name},
static const struct hot {
    u8 op, length;
} hot[] = {
#include "pv/ops.def"
};
#undef PV_OP
#undef PV_CLASS_BEGIN
#undef PV_CLASS_END

#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args) \
    _Static_assert(PV_LENGTH_##name <= PV_CODE_MAX, "struct pv_code has room for a site");
#include "pv/ops.def"
#undef PV_OP
#undef PV_CLASS_BEGIN
#undef PV_CLASS_END

_Static_assert(PV_NR_OPS <= 256, "struct pv_site has 8 bits for an op's number");

const char *pv_op_name(u32 op)
{
    const char *name = pv_op_names;

    if (op >= PV_NR_OPS)
        return "?";
    while (op--)
        name += strlen(name) + 1;
    return name;
}

/* ---- Sites ----------------------------------------------------------------------------------- */

static u32 hot_index(u32 op)
{
    u32 i = 0;

    while (hot[i].op != op)
        i++;
    return i;
}

u8 *pv_site_address(const struct pv_site *site)
{
    return _text_start + site->offset;
}

u32 pv_site_length(const struct pv_site *site)
{
    return site->kind >= PV_SITE_HOT ? hot[hot_index(site->op)].length : BRANCH_LENGTH;
}

static u8 *tail_address(const struct pv_site *site)
{
    u8 *tail = _pv_tails;

    for (const struct pv_site *before = pv_sites; before < site; before++)
        if (before->kind == PV_SITE_TAIL)
            tail += PV_TAIL_MAX;
    return tail;
}

static const struct pv_site *site_around(u64 address)
{
    const struct pv_site *low = pv_sites, *high = pv_sites_end;

    /* Those below low begin at or before address, those from high on behind it. */
    while (low < high) {
        const struct pv_site *middle = low + (high - low) / 2;

        if ((u64)pv_site_address(middle) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low-- == pv_sites || address - (u64)pv_site_address(low) >= pv_site_length(low))
        return NULL;
    return low;
}

void pv_missing(void)
{
    const u8 *const caller = __builtin_return_address(0);
    const struct pv_site *const site = site_around((u64)caller - 1);

    pv_panic(pv_op_name(site ? site->op : PV_NR_OPS), "empty in this backend; called from %p",
             (const void *)caller);
}

/* ---- What a site is to be -------------------------------------------------------------------- */

static const void *in_image(u32 address)
{
    return (const void *)(VIRT_BASE + address);
}

static const struct pv_template *find_template(const void *function)
{
    for (const struct pv_template *f = _pv_templates_start; f < _pv_templates_end; f++)
        if (in_image(f->function) == function)
            return f;
    return NULL;
}

static void add(struct pv_code *code, const void *bytes, u32 length)
{
    memcpy(code->bytes + code->length, bytes, length);
    code->length += length;
}

static void add_byte(struct pv_code *code, u8 byte, u32 count)
{
    memset(code->bytes + code->length, byte, count);
    code->length += count;
}

/* What ends a jump or call: to an address that lies within 2 GiB as all of the image does. */
static void add_distance(struct pv_code *code, const void *target)
{
    const u32 distance = (u32)(u64)target - (u32)(u64)(code->at + code->length + sizeof(distance));

    add(code, &distance, sizeof(distance));
}

static void add_branch(struct pv_code *code, u8 opcode, const void *target)
{
    add_byte(code, opcode, 1);
    add_distance(code, target);
}

static void branch(const struct pv_site *site, struct pv_site_code *code, u32 length)
{
    const u32 nops = length > INSTRUCTION_MAX ? length - INSTRUCTION_MAX : 0;
    const bool is_hot = site->kind >= PV_SITE_HOT;

    add_byte(&code->site, OP_NOP, nops);
    add_byte(&code->site, PREFIX, length - nops - BRANCH_LENGTH);
    add_branch(&code->site, site->kind == PV_SITE_JUMP ? OP_JUMP : OP_CALL,
               is_hot ? pv_hot_functions + hot_index(site->op) * PV_HOT_SIZE : code->target);
}

static void tail(const struct pv_template *template, struct pv_code *code, const u8 *back)
{
    static const u8 jump_if_equal[] = {0x0f, 0x84};
    const u8 *const test = (const u8 *)in_image(template->code) + template->length;
    u32 helper;

    memcpy(&helper, test + template->test_length, sizeof(helper));
    add(code, test, template->test_length);
    add(code, jump_if_equal, sizeof(jump_if_equal));
    add_distance(code, back);
    add_branch(code, OP_CALL, in_image(helper));
    add_branch(code, OP_JUMP, back);
}

/* False if the template is longer than the site, or shorter by more than its first instruction may
 * grow. */
static bool in_place(const struct pv_site *site, struct pv_site_code *code, u32 length)
{
    const struct pv_template *const template = find_template(pv_ops.slot[site->op]);
    const bool has_ret = site->kind == PV_SITE_JUMP;
    u32 needed;

    if (!template || (template->test_length && site->kind != PV_SITE_TAIL))
        return false;
    needed = template->length + (template->test_length ? sizeof(u32) : 0) + has_ret;
    if (needed > length || length - needed + template->first > INSTRUCTION_MAX)
        return false;
    add_byte(&code->site, PREFIX, length - needed);
    add(&code->site, in_image(template->code), template->length);
    if (template->test_length) {
        code->tail.at = tail_address(site);
        add_distance(&code->site, code->tail.at);
        tail(template, &code->tail, code->site.at + length);
    }
    add_byte(&code->site, OP_RET, has_ret);
    code->state = template->state;
    code->pushes = template->pushes;
    code->second = length - needed + template->first;
    code->text = in_image(template->text);
    return true;
}

static void code_of(const struct pv_site *site, bool patched, struct pv_site_code *code)
{
    const u32 length = pv_site_length(site);

    *code = (struct pv_site_code){.text = "", .site.at = pv_site_address(site)};
    if (patched && in_place(site, code, length))
        return;
    code->state = patched ? PV_STATE_DIRECT : PV_STATE_INDIRECT;
    code->target = patched ? pv_ops.slot[site->op] : pv_thunks + site->op * THUNK_SIZE;
    branch(site, code, length);
}

void pv_site_code(const struct pv_site *site, struct pv_site_code *code)
{
    code_of(site, is_patched, code);
}

const char *pv_trap_at(u64 address)
{
    const struct pv_site *const site = site_around(address);

    if (!site || address != (u64)pv_site_address(site) || pv_ops.slot[site->op] != pv_missing)
        return NULL;
    return pv_op_name(site->op);
}

void pv_restart_site(struct trap_frame *frame)
{
    const struct pv_site *const site = site_around(frame->rip);
    struct pv_site_code code;

    if (!site || frame->rip == (u64)pv_site_address(site))
        return;
    pv_site_code(site, &code);
    if (frame->rip == (u64)pv_site_address(site) + code.second)
        frame->rsp += code.pushes;
    frame->rip = (u64)pv_site_address(site);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Pages of text in the fixmap, each at the place that its number gives it: most stay for some
 * sites. */
static u64 window[FIX_TEXT_PAGES]; /* Written: in pv_patch's context, as is_patched */

static void map(u32 i, u64 page)
{
    const u64 flags = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX;

    if (window[i] == page)
        return;
    window[i] = page;
    pv_set_fixmap((enum pv_fixmap)(FIX_TEXT + i), page ? (page - VIRT_BASE) | flags : 0);
}

static void write_text(const struct pv_code *code)
{
    for (u32 i = 0; i < code->length; i++) {
        const u64 to = (u64)code->at + i;
        const u32 place = to / PAGE_SIZE % FIX_TEXT_PAGES;

        map(place, ALIGN_DOWN(to, PAGE_SIZE));
        ((volatile u8 *)fixmap_va((enum pv_fixmap)(FIX_TEXT + place)))[to % PAGE_SIZE] =
            code->bytes[i];
    }
    if (memcmp(code->at, code->bytes, code->length))
        pv_panic("patch", "%p is not what was written there", (void *)code->at);
}

static void patch_one(const struct pv_site *site, bool patched)
{
    struct pv_site_code code;

    code_of(site, !patched, &code);
    if (memcmp(code.site.at, code.site.bytes, code.site.length))
        pv_panic("patch", "%p is no site of %s as it was left", (void *)code.site.at,
                 pv_op_name(site->op));
    code_of(site, patched, &code);
    if (code.tail.length)
        write_text(&code.tail);
    write_text(&code.site);
}

/* The sites of one op, or of all, from what they are if not patched to what they then are, or back.
 */
static void patch_sites(u32 op, bool patched)
{
    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++)
        if (op == PV_NR_OPS || site->op == op)
            patch_one(site, patched);
    for (u32 i = 0; i < FIX_TEXT_PAGES; i++)
        map(i, 0);
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
    if (is_patched)
        patch_sites(op, false);
    pv_ops.slot[op] = function ? function : pv_missing;
    if (is_patched)
        patch_sites(op, true);
}
