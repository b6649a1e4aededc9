/* SPDX-License-Identifier: MIT */
/*
 * Build the case of a seed and a number: registers, selectors, memory and the position of its code.
 * See test/hostile/hostile.h.
 */
#include "lib/string.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/hostile/hostile.h"

u64 hostile_next(struct hostile_random *r)
{
    u64 z = r->state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

u32 hostile_below(struct hostile_random *r, u32 n)
{
    return (u32)((hostile_next(r) >> 32) * n >> 32);
}

static struct hostile_random random_of_case(u64 seed, u64 number)
{
    struct hostile_random r = {.state = seed};

    r.state = hostile_next(&r) ^ number;
    r.state = hostile_next(&r);
    return r;
}

#define PICK(r, list) (list)[hostile_below(r, ARRAY_SIZE(list))]

/*
 * Return any selector except null ones of RPL 0 to 3: the table's own, those that the sandbox has
 * in GDT and LDT, and others. Xen's own, from 0xe000 on, do not exist on bare metal and are
 * excluded.
 */
u16 hostile_selector(struct hostile_random *r)
{
    static const u16 known[] = {0,
                                3,
                                USER_CS,
                                USER_CS32,
                                USER_DS,
                                USER_CS & ~3,
                                USER_DS & ~3,
                                KERNEL_CS,
                                KERNEL_DS | 3,
                                TASK_SELECTOR | 3,
                                GDT_LDT * 8 + 3,
                                GDT_TLS * 8 + 3,
                                GDT_TLS * 8 + 11,
                                GDT_TLS * 8 + 19};

    switch (hostile_below(r, 4)) {
    case 0:
        return (u16)(hostile_below(r, 20) * 8 + hostile_below(r, 8));
    case 1:
        return (u16)(hostile_next(r) % 0xe000);
    default:
        return PICK(r, known);
    }
}

/*
 * Return an address without a case's code, so that a transfer to another mode finds a breakpoint
 * there.
 */
u64 hostile_code_address(struct hostile_random *r)
{
    return HOSTILE_CODE + 0x900 + hostile_below(r, 0x600) + PAGE_SIZE * hostile_below(r, 2);
}

/*
 * Return a value that is not within reach of a hypervisor's mappings at the start of the upper half
 * (Xen: ffff8000_00000000, 256 GiB). It is not between 2^13 and 2^40, so that a loop that counts it
 * ends soon or not at all, however slow the machine is.
 */
u64 hostile_value(struct hostile_random *r)
{
    static const u64 edges[] = {0,
                                1,
                                0x7fffffffffff,
                                0x800000000000,
                                0xffff7fff00000000,
                                0xffff804000000000,
                                0xffffffff80100000,
                                0xffff888000100000,
                                0xffffffffffffffff,
                                0x8000000000000000,
                                0x100000000000,
                                0xffff900000000000,
                                0x7ffffffff000,
                                HOSTILE_CODE_TOP + 0xff8};

    switch (hostile_below(r, 8)) {
    case 0:
        return hostile_next(r) | 1ull << 44;
    case 1:
        return hostile_below(r, 0x2000);
    case 2:
        return PICK(r, edges);
    case 3:
        return HOSTILE_STACK + hostile_below(r, 0x1010);
    case 4:
        return HOSTILE_CODE + 0x1000 * hostile_below(r, 3) - hostile_below(r, 16);
    case 5:
        return hostile_selector(r);
    default:
        return HOSTILE_DATA + hostile_below(r, 0x200) * 8;
    }
}

static u64 random_flags(struct hostile_random *r)
{
    static const u64 bits[] = {
        RFLAGS_CF,  RFLAGS_TF,           RFLAGS_DF,           RFLAGS_NT, RFLAGS_RF,
        RFLAGS_AC,  1ull << 21 /* ID */, 1ull << 11 /* OF */, 1ull << 6, 1ull << 19 /* VIF */,
        RFLAGS_IOPL};
    u64 value = RFLAGS_FIXED | RFLAGS_IF;

    for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
        if (!hostile_below(r, 5))
            value |= bits[i];
    if (hostile_below(r, 4))
        value &= ~RFLAGS_TF;
    return value;
}

static u64 stack_pointer(struct hostile_random *r)
{
    switch (hostile_below(r, 8)) {
    case 0:
        return hostile_value(r);
    case 1:
        return HOSTILE_STACK + hostile_below(r, 0x1010);
    default:
        return HOSTILE_SP;
    }
}

/*
 * Return a word that iret, retf, popf and far transfers may load: an address of code, a selector or
 * flags.
 */
static u64 memory_word(struct hostile_random *r)
{
    switch (hostile_below(r, 5)) {
    case 0:
        return hostile_code_address(r);
    case 1:
        return hostile_code_address(r) | (u64)hostile_selector(r) << 32;
    case 2:
        return hostile_selector(r) | (u64)hostile_selector(r) << 32;
    case 3:
        return random_flags(r);
    default:
        return hostile_value(r);
    }
}

/* Place the code so that its last instruction ends, or starts, at the page's end. */
static u64 place_at_end(const struct hostile_code *code, u64 end, u32 beyond)
{
    return end - code->length + MIN(beyond, code->length - code->last - 1);
}

static void place_code(struct hostile_random *r, struct hostile_case *c)
{
    const u32 beyond = 1 + hostile_below(r, 8);
    u32 which = hostile_below(r, 16);

    if (which == PLACE_TOP && c->is_32bit)
        which = PLACE_MIDDLE;
    c->place = which < NR_PLACES ? (enum hostile_place)which : PLACE_MIDDLE;
    switch (c->place) {
    case PLACE_CROSSING:
        c->start = place_at_end(&c->code, HOSTILE_CODE + PAGE_SIZE, beyond);
        break;
    case PLACE_END:
        c->start = place_at_end(&c->code, HOSTILE_CODE + 2 * PAGE_SIZE, 0);
        break;
    case PLACE_INTO_ABSENT:
        c->start = place_at_end(&c->code, HOSTILE_CODE + 2 * PAGE_SIZE, beyond);
        break;
    case PLACE_INTO_NX:
        c->start = place_at_end(&c->code, HOSTILE_CODE_NX + PAGE_SIZE, beyond);
        break;
    case PLACE_TOP:
        c->start = place_at_end(&c->code, HOSTILE_CODE_TOP + PAGE_SIZE, 0);
        break;
    default:
        c->start = HOSTILE_CODE + 64 + hostile_below(r, 0x800);
    }
}

/*
 * Make the frame itself invalid in some cases. Its cs keeps RPL 3: any other RPL is a frame of the
 * kernel, and a kernel that builds a frame from user input must exclude it.
 */
static void spoil_frame(struct hostile_random *r, struct hostile_case *c)
{
    switch (hostile_below(r, 24)) {
    case 0:
        c->frame.cs = hostile_selector(r) | 3;
        for (u32 i = 0; i < c->code.length; i++) /* as code.c does for each mode */
            c->code.bytes[i] = c->code.bytes[i] == 0xcf ? 0xcb : c->code.bytes[i];
        c->entry = USER_BY_IRET;
        break;
    case 1:
        do /* ss of a user's frame is never null here */
            c->frame.ss = hostile_selector(r) | 3;
        while (c->frame.ss == 3);
        c->entry = USER_BY_IRET;
        break;
    case 2:
        c->frame.rip = hostile_value(r);
        break;
    }
}

void hostile_make_case(u64 seed, u64 number, struct hostile_case *c)
{
    struct hostile_random r = random_of_case(seed, number);
    union sandbox_regs regs = {0};

    memset(c, 0, sizeof(*c));
    c->seed = seed;
    c->number = number;
    for (u32 i = 0; i < 15; i++)
        regs.words[i] = hostile_value(&r);
    c->frame = regs.frame;
    c->is_32bit = !hostile_below(&r, 3);
    hostile_make_code(&r, &c->code, c->is_32bit);
    if (hostile_below(&r, 2))
        c->frame.rax = hostile_selector(&r);
    place_code(&r, c);
    c->frame.rip = c->start;
    c->frame.cs = c->is_32bit ? USER_CS32 : USER_CS;
    c->frame.ss = USER_DS;
    c->frame.rflags = random_flags(&r);
    c->frame.rsp = stack_pointer(&r);
    c->entry = c->is_32bit || hostile_below(&r, 2) ? USER_BY_IRET : USER_BY_SYSRET;
    if (c->is_32bit)
        c->frame.rsp = (u32)c->frame.rsp; /* the CPU keeps only these bits */
    spoil_frame(&r, c);
    hostile_enter_anywhere(&c->code);
    if (c->entry == USER_BY_SYSRET) { /* the instruction itself leaves these values there */
        c->frame.rflags &= ~RFLAGS_IOPL;
        c->frame.rcx = c->frame.rip;
        c->frame.r11 = c->frame.rflags;
    }
    for (u32 i = 0; i < HOSTILE_WORDS; i++)
        c->words[i] = memory_word(&r);
    do
        c->fs_base = hostile_value(&r);
    while (!IS_CANONICAL(c->fs_base));
    do
        c->gs_base = hostile_value(&r);
    while (!IS_CANONICAL(c->gs_base));
}

void hostile_fill(u64 seed, u64 number, u64 *data, u64 *stack)
{
    struct hostile_random r = random_of_case(~seed, number / HOSTILE_BLOCK);

    for (u32 i = 0; i < PAGE_SIZE / 8; i++) {
        data[i] = memory_word(&r);
        stack[i] = 0;
    }
}
