/* SPDX-License-Identifier: MIT */
/*
 * Patching of call sites: rewrite each call of an op to what the op is on this backend.
 *
 * A site is the place of one call pv_NAME(...) in the image. The compiler and the assembler make it
 * a call (or, at the end of a function, a jump), and tools/build/sites.py records it from the
 * linker's relocations: which op, where, which kind (struct pv_site). Two kinds of op make two
 * kinds of site:
 *
 *   normal op   a call or jump of 5 bytes to the thunk pv_NAME, which is one instruction:
 *                   pv_NAME:  jmp *pv_ops+8n(%rip)          the op's slot in the table
 *               The caller saves its registers as for any function.
 *   hot op      a call of pv_hot_NAME by inline assembly (hot.h), whose caller saves nothing:
 *               pv_hot_NAME saves the registers that a C function may change, then calls the op.
 *               Prefixes that the CPU ignores lengthen the call, to have room for code (lengths.h).
 *
 * Before patching every call goes through the table. pv_patch(true) rewrites each site by what is
 * in the op's slot. Some functions have a patch template (struct pv_template): a few instructions
 * that do the same as the function. If a template fits into the site it takes the place of the
 * call; else the site becomes a call straight to the function. An example, the site of irq_disable,
 * 9 bytes:
 *
 *   before             2e 2e 2e 2e e8 xx xx xx xx      cs cs cs cs call pv_hot_irq_disable
 *   after, bare metal  2e 2e 2e 2e 2e 2e 2e 2e fa      cs (8 times) cli
 *   after, Xen PV      65 c6 04 25 41 00 00 00 01      movb $1, %gs:0x41
 *
 * The prefix 2e (cs:) has no effect in 64-bit mode. It makes the template as long as the site
 * without a second instruction, so that a patched site costs what the plain instruction costs. One
 * instruction has at most 15 bytes; a call that needs more has no-ops before it.
 *
 * A template whose work is too long for the site keeps its rare part elsewhere. On Xen PV
 * irq_enable ends with a jump to a tail, 25 bytes that hot.h has reserved for this site in section
 * .pv_tails:
 *
 *   site   65 c6 04 25 41 00 00 00 00    movb $0, %gs:0x41           unmask
 *          e9 xx xx xx xx                jmp  tail
 *   tail   65 80 3c 25 40 00 00 00 00    cmpb $0, %gs:0x40           test (of the template)
 *          0f 84 xx xx xx xx             je   back                   nothing is pending
 *          e8 xx xx xx xx                call xen_pv_force_upcall    helper (of the template)
 *          e9 xx xx xx xx                jmp  back                   the end of the site
 *
 * Writing. Text is never writable at the address at which it is executed. The page is mapped a
 * second time, writable and not executable, in the fixmap, and unmapped afterwards. This works on
 * Xen PV too, which refuses a writable mapping only of page tables and descriptor tables. The bytes
 * of a site are a function of the table alone, before and after, so nothing that was overwritten
 * need be saved: each site is compared with what it should be before it is written, and read back
 * afterwards.
 *
 * Restart. While one CPU patches, the others must not be in a site. A CPU or a thread that was
 * interrupted may be inside one, after the first of its two instructions. Its saved rip would then
 * point into the middle of whatever the site becomes. pv_restart_site moves such a rip back to the
 * start of the site, where the op runs again in its new form. So a template must be restartable:
 * after its first instruction, the op run from the start must have the same result. A template that
 * pushes (save_fl on bare metal) declares it, and the stack pointer is moved back as well.
 */
#include "pv/patch/patch.h"
#include "lib/string.h"

enum {
    OP_CALL = 0xe8,
    OP_JUMP = 0xe9,
    OP_RET = 0xc3,
    OP_NOP = 0x90,
    PREFIX_CS = 0x2e, /* without effect in 64-bit mode */
};

extern u8 _text_start[], _pv_tails[];
extern const struct pv_template _pv_templates_start[], _pv_templates_end[];
extern const u8 pv_thunks[], pv_hot_functions[];

struct pv_ops pv_ops; /* Written: by pv_select and pv_set_op, whose context is one CPU */

static bool is_patched; /* Written: by pv_patch, while no other CPU runs an op */

/* The hot ops, in the order of pv_hot_functions. */
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args) {(u8)PV_INDEX(class.name), PV_LENGTH_##name},
static const struct hot_op {
    u8 op, length;
} hot_ops[] = {
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

    while (hot_ops[i].op != op)
        i++;
    return i;
}

u8 *pv_site_address(const struct pv_site *site)
{
    return _text_start + site->offset;
}

u32 pv_site_length(const struct pv_site *site)
{
    return site->kind >= PV_SITE_HOT ? hot_ops[hot_index(site->op)].length : PV_BRANCH_LENGTH;
}

/* Tails have no record of their own: the nth site that has one has the nth tail. */
static u8 *tail_address(const struct pv_site *site)
{
    u8 *tail = _pv_tails;

    for (const struct pv_site *before = pv_sites; before < site; before++)
        if (before->kind == PV_SITE_TAIL)
            tail += PV_TAIL_SIZE;
    return tail;
}

/* Return the site that contains this address, or NULL. */
static const struct pv_site *site_around(u64 address)
{
    const struct pv_site *low = pv_sites, *high = pv_sites_end;

    /* Sites before low begin at or below address, sites from high on begin above it. */
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

/* Addresses in templates have 32 bits and count from VIRT_BASE. */
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

static void append_bytes(struct pv_code *code, const void *bytes, u32 length)
{
    memcpy(code->bytes + code->length, bytes, length);
    code->length += length;
}

static void append_repeated(struct pv_code *code, u8 byte, u32 count)
{
    memset(code->bytes + code->length, byte, count);
    code->length += count;
}

/* Append the 32-bit distance that ends a jump or call. The whole image is within 2 GiB. */
static void append_distance(struct pv_code *code, const void *target)
{
    const u32 distance = (u32)(u64)target - (u32)(u64)(code->at + code->length + sizeof(distance));

    append_bytes(code, &distance, sizeof(distance));
}

static void append_branch(struct pv_code *code, u8 opcode, const void *target)
{
    append_repeated(code, opcode, 1);
    append_distance(code, target);
}

/* Make the site a call or jump to code->target; of a hot op, to its pv_hot_NAME. */
static void make_branch(const struct pv_site *site, struct pv_site_code *code, u32 length)
{
    const u32 nops = length > PV_INSTRUCTION_MAX ? length - PV_INSTRUCTION_MAX : 0;
    const bool is_hot = site->kind >= PV_SITE_HOT;

    append_repeated(&code->site, OP_NOP, nops);
    append_repeated(&code->site, PREFIX_CS, length - nops - PV_BRANCH_LENGTH);
    append_branch(&code->site, site->kind == PV_SITE_JUMP ? OP_JUMP : OP_CALL,
                  is_hot ? pv_hot_functions + hot_index(site->op) * PV_HOT_SIZE : code->target);
}

/* Make the tail of a site: the template's test, then its helper unless the test says "equal". */
static void make_tail(const struct pv_template *template, struct pv_code *code, const u8 *back)
{
    static const u8 jump_if_equal[] = {0x0f, 0x84};
    const u8 *const test = (const u8 *)in_image(template->code) + template->length;
    u32 helper;

    memcpy(&helper, test + template->test_length, sizeof(helper));
    append_bytes(code, test, template->test_length);
    append_bytes(code, jump_if_equal, sizeof(jump_if_equal));
    append_distance(code, back);
    append_branch(code, OP_CALL, in_image(helper));
    append_branch(code, OP_JUMP, back);
}

/*
 * Make the site the code of its function's template. Return false if the function has no template,
 * or the template is longer than the site, or so much shorter that its first instruction would need
 * more than 15 bytes to fill it.
 */
static bool make_inline(const struct pv_site *site, struct pv_site_code *code, u32 length)
{
    const struct pv_template *const template = find_template(pv_ops.slot[site->op]);
    const bool has_ret = site->kind == PV_SITE_JUMP;
    u32 needed;

    if (!template || (template->test_length && site->kind != PV_SITE_TAIL))
        return false;
    needed = template->length + (template->test_length ? sizeof(u32) : 0) + has_ret;
    if (needed > length || length - needed + template->first > PV_INSTRUCTION_MAX)
        return false;
    append_repeated(&code->site, PREFIX_CS, length - needed);
    append_bytes(&code->site, in_image(template->code), template->length);
    if (template->test_length) {
        code->tail.at = tail_address(site);
        append_distance(&code->site, code->tail.at);
        make_tail(template, &code->tail, code->site.at + length);
    }
    append_repeated(&code->site, OP_RET, has_ret);
    code->state = template->state;
    code->pushes = template->pushes;
    code->second = length - needed + template->first;
    code->text = in_image(template->text);
    return true;
}

/* Compute what the site is if it is patched, or not patched, with the table as it is now. */
static void make_site_code(const struct pv_site *site, bool patched, struct pv_site_code *code)
{
    const u32 length = pv_site_length(site);

    *code = (struct pv_site_code){.text = "", .site.at = pv_site_address(site)};
    if (patched && make_inline(site, code, length))
        return;
    code->state = patched ? PV_STATE_DIRECT : PV_STATE_INDIRECT;
    code->target = patched ? pv_ops.slot[site->op] : pv_thunks + site->op * PV_THUNK_SIZE;
    make_branch(site, code, length);
}

void pv_site_code(const struct pv_site *site, struct pv_site_code *code)
{
    make_site_code(site, is_patched, code);
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

/*
 * The pages of text that are mapped in the fixmap, 0: none. A page's number selects its place, so
 * that pages stay mapped from one site to the next. Written: in pv_patch's context, as is_patched.
 */
static u64 text_window[FIX_TEXT_PAGES];

static void map_text_page(u32 i, u64 page)
{
    const u64 flags = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX;

    if (text_window[i] == page)
        return;
    text_window[i] = page;
    pv_set_fixmap((enum pv_fixmap)(FIX_TEXT + i), page ? (page - VIRT_BASE) | flags : 0);
}

/* Write the bytes through the window, and check that they are read back where they are executed. */
static void write_text(const struct pv_code *code)
{
    for (u32 i = 0; i < code->length; i++) {
        const u64 to = (u64)code->at + i;
        const u32 place = to / PAGE_SIZE % FIX_TEXT_PAGES;

        map_text_page(place, ALIGN_DOWN(to, PAGE_SIZE));
        ((volatile u8 *)fixmap_va((enum pv_fixmap)(FIX_TEXT + place)))[to % PAGE_SIZE] =
            code->bytes[i];
    }
    if (memcmp(code->at, code->bytes, code->length))
        pv_panic("patch", "text at %p does not read back as it was written", (void *)code->at);
}

static void end_writing(void)
{
    for (u32 i = 0; i < FIX_TEXT_PAGES; i++)
        map_text_page(i, 0);
    pv_sync_core();
}

/* Change one site to patched, or back. */
static void patch_site(const struct pv_site *site, bool patched)
{
    struct pv_site_code code;

    make_site_code(site, !patched, &code);
    if (memcmp(code.site.at, code.site.bytes, code.site.length))
        pv_panic("patch", "text at %p is not the site of %s that was written there",
                 (void *)code.site.at, pv_op_name(site->op));
    make_site_code(site, patched, &code);
    if (code.tail.length)
        write_text(&code.tail);
    write_text(&code.site);
}

/* Change the sites of one op, or of all ops (PV_NR_OPS), to patched, or back. */
static void patch_sites(u32 op, bool patched)
{
    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++)
        if (op == PV_NR_OPS || site->op == op)
            patch_site(site, patched);
    end_writing();
}

void pv_retarget_jump(u8 *at, const void *from, const void *to)
{
    struct pv_code code = {.at = at};

    append_branch(&code, OP_JUMP, from);
    if (memcmp(at, code.bytes, code.length))
        pv_panic("patch", "text at %p is not a jump to %p", (const void *)at, from);
    code.length = 0;
    append_branch(&code, OP_JUMP, to);
    write_text(&code);
    end_writing();
}

/* cpuid is a serialising instruction (Intel SDM vol. 3, section 9.3), also under a hypervisor. */
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
    pv_ops.slot[op] = function;
    if (!function)
        pv_ops.slot[op] = pv_missing;
    if (is_patched)
        patch_sites(op, true);
}
