/* SPDX-License-Identifier: MIT */
/*
 * The instructions of a case: one of a table of instructions that may enter the kernel or must not,
 * with random prefixes and operands, after a random preamble. See test/hostile/hostile.h.
 */
#include "lib/string.h"
#include "test/hostile/hostile.h"

enum {
    ONLY_32 = 1 << 0,
    ONLY_64 = 1 << 1,
    TRAPS = 1 << 2,   /* without a prefix it traps before it changes a register */
    READS = 1 << 3,   /* reads a value that differs between machines */
    IMM8 = 1 << 4,    /* followed by a random byte */
    IMM16 = 1 << 5,   /* by two bytes */
    IMM32 = 1 << 6,   /* by four bytes */
    FAR = 1 << 7,     /* by an address of code and a selector */
    MODRM = 1 << 8,   /* the last byte's reg field is given; its mod and rm are chosen */
    STACK = 1 << 10,  /* a far transfer that uses the stack */
    CONTROL = 1 << 9, /* reg and rm are chosen, mod is 3: a control, debug or segment register */
};

#define I(name, flags, ...) \
    { \
        name, flags, sizeof((const u8[]){__VA_ARGS__}), \
        { \
            __VA_ARGS__ \
        } \
    }

/* Instructions that enter the kernel, or must not (Intel SDM vol. 2, AMD APM vol. 3). */
static const struct instruction {
    const char *name;
    u16 flags;
    u8 length;
    u8 bytes[4];
} table[] = {
    I("syscall", 0, 0x0f, 0x05),
    I("syscall", 0, 0x0f, 0x05),
    I("sysenter", 0, 0x0f, 0x34),
    I("sysenter", 0, 0x0f, 0x34),
    I("sysexit", TRAPS, 0x0f, 0x35),
    I("sysret", TRAPS, 0x0f, 0x07),
    I("int n", TRAPS | IMM8, 0xcd),
    I("int n", TRAPS | IMM8, 0xcd),
    I("int 0x80", TRAPS, 0xcd, 0x80),
    I("int3", TRAPS, 0xcc),
    I("int1", TRAPS, 0xf1),
    I("into", 0, 0xce),
    I("bound", ONLY_32 | MODRM, 0x62, 0x00),
    I("ud2", TRAPS, 0x0f, 0x0b),
    I("ud1", TRAPS, 0x0f, 0xb9, 0xc0),
    I("ud0", TRAPS, 0x0f, 0xff, 0xc0),
    I("call far m", MODRM | STACK, 0xff, 0x18),
    I("jmp far m", MODRM, 0xff, 0x28),
    I("call far", ONLY_32 | FAR | STACK, 0x9a),
    I("jmp far", ONLY_32 | FAR, 0xea),
    I("iretw", ONLY_32 | STACK, 0x66, 0xcf),
    I("iretq", ONLY_64 | STACK, 0x48, 0xcf),
    I("iretq", ONLY_64 | STACK, 0x48, 0xcf),
    I("retf", STACK, 0xcb),
    I("retfq", ONLY_64 | STACK, 0x48, 0xcb),
    I("retf n", IMM16 | STACK, 0xca),
    I("ret", 0, 0xc3),
    I("hlt", TRAPS, 0xf4),
    I("cli", TRAPS, 0xfa),
    I("sti", TRAPS, 0xfb),
    I("in", TRAPS, 0xec),
    I("in n", TRAPS | IMM8, 0xe5),
    I("out", TRAPS, 0xee),
    I("out n", TRAPS | IMM8, 0xe6),
    I("insb", TRAPS, 0x6c),
    I("outsl", TRAPS, 0x6f),
    I("mov from cr", CONTROL, 0x0f, 0x20, 0xc0),
    I("mov to cr", CONTROL, 0x0f, 0x22, 0xc0),
    I("mov from dr", CONTROL, 0x0f, 0x21, 0xc0),
    I("mov to dr", CONTROL, 0x0f, 0x23, 0xc0),
    I("clts", TRAPS, 0x0f, 0x06),
    I("invd", TRAPS, 0x0f, 0x08),
    I("wbinvd", TRAPS, 0x0f, 0x09),
    I("rdmsr", TRAPS, 0x0f, 0x32),
    I("wrmsr", TRAPS, 0x0f, 0x30),
    I("rdpmc", READS, 0x0f, 0x33),
    I("lgdt", MODRM, 0x0f, 0x01, 0x10),
    I("lidt", MODRM, 0x0f, 0x01, 0x18),
    I("lmsw", MODRM, 0x0f, 0x01, 0x30),
    I("invlpg", MODRM, 0x0f, 0x01, 0x38),
    I("sgdt", READS | MODRM, 0x0f, 0x01, 0x00),
    I("sidt", READS | MODRM, 0x0f, 0x01, 0x08),
    I("smsw", READS | MODRM, 0x0f, 0x01, 0x20),
    I("sldt", READS | MODRM, 0x0f, 0x00, 0x00),
    I("str", READS | MODRM, 0x0f, 0x00, 0x08),
    I("lldt", MODRM, 0x0f, 0x00, 0x10),
    I("ltr", MODRM, 0x0f, 0x00, 0x18),
    I("verr", MODRM, 0x0f, 0x00, 0x20),
    I("verw", MODRM, 0x0f, 0x00, 0x28),
    I("lar", MODRM, 0x0f, 0x02, 0x00),
    I("lsl", MODRM, 0x0f, 0x03, 0x00),
    I("arpl, movsxd", MODRM, 0x63, 0x00),
    I("swapgs", TRAPS | ONLY_64, 0x0f, 0x01, 0xf8),
    I("vmcall", READS, 0x0f, 0x01, 0xc1),
    I("vmmcall", READS, 0x0f, 0x01, 0xd9),
    I("vmrun", READS, 0x0f, 0x01, 0xd8),
    I("clgi", READS, 0x0f, 0x01, 0xdd),
    I("clac", TRAPS, 0x0f, 0x01, 0xca),
    I("stac", TRAPS, 0x0f, 0x01, 0xcb),
    I("xgetbv", READS, 0x0f, 0x01, 0xd0),
    I("xsetbv", READS, 0x0f, 0x01, 0xd1),
    I("monitor", READS, 0x0f, 0x01, 0xc8),
    I("mwait", READS, 0x0f, 0x01, 0xc9),
    I("rdtscp", READS, 0x0f, 0x01, 0xf9),
    I("rdtsc", READS, 0x0f, 0x31),
    I("cpuid", READS, 0x0f, 0xa2),
    I("rsm", TRAPS, 0x0f, 0xaa),
    I("pushf", 0, 0x9c),
    I("popf", 0, 0x9d),
    I("popfw", 0, 0x66, 0x9d),
    I("mov to sreg", CONTROL, 0x8e, 0xc0),
    I("mov from sreg", CONTROL, 0x8c, 0xc0),
    I("mov to sreg m", MODRM, 0x8e, 0x00),
    I("pop ds", ONLY_32, 0x1f),
    I("pop ss", ONLY_32, 0x17),
    I("pop fs", 0, 0x0f, 0xa1),
    I("pop gs", 0, 0x0f, 0xa9),
    I("lss", MODRM, 0x0f, 0xb2, 0x00),
    I("lfs", MODRM, 0x0f, 0xb4, 0x00),
    I("lgs", MODRM, 0x0f, 0xb5, 0x00),
    I("fxsave", MODRM, 0x0f, 0xae, 0x00),
    I("fxrstor", MODRM, 0x0f, 0xae, 0x08),
    I("ldmxcsr", MODRM, 0x0f, 0xae, 0x10),
    I("xsave", READS | MODRM, 0x0f, 0xae, 0x20),
    I("xrstor", READS | MODRM, 0x0f, 0xae, 0x28),
    I("clflush", MODRM, 0x0f, 0xae, 0x38),
    I("fldenv", MODRM, 0xd9, 0x20),
    I("frstor", MODRM, 0xdd, 0x20),
    I("fwait", 0, 0x9b),
    I("wrfsbase", READS | ONLY_64, 0xf3, 0x0f, 0xae, 0xd0),
    I("wrgsbase", READS | ONLY_64, 0xf3, 0x0f, 0xae, 0xd8),
    I("mov m", MODRM, 0x89, 0x00),
    I("lock add", MODRM, 0xf0, 0x01, 0x00),
    I("div", MODRM, 0xf7, 0x30),
    I("enter", IMM32 | STACK, 0xc8),
    I("call m", MODRM, 0xff, 0x10),
    I("push m", MODRM, 0xff, 0x30),
    I("rep movsb", 0, 0xf3, 0xa4),
    I("rep stosq", 0, 0xf3, 0x48, 0xab),
    I("salc", ONLY_32, 0xd6),
    I("aam", ONLY_32 | IMM8, 0xd4),
};

#define RANDOM_BYTES_SHARE 6 /* one case in six is random bytes */

static void add_byte(struct hostile_code *code, u8 byte)
{
    if (code->length < HOSTILE_BYTES_MAX)
        code->bytes[code->length++] = byte;
}

static void add_random(struct hostile_random *r, struct hostile_code *code, u32 count)
{
    while (count--)
        add_byte(code, (u8)hostile_next(r));
}

/*
 * Return a ModRM byte: mostly a register operand, else memory at a register, with or without a
 * displacement.
 */
static u8 mod_rm(struct hostile_random *r, u8 reg, struct hostile_code *code)
{
    static const u8 mods[] = {0x00, 0x00, 0x00, 0x40, 0x80, 0xc0};
    const u8 mod = mods[hostile_below(r, ARRAY_SIZE(mods))];

    add_byte(code, mod | (reg & 0x38) | (u8)hostile_below(r, 8));
    if (mod == 0x40)
        add_random(r, code, 1);
    if (mod == 0x80)
        add_random(r, code, 4);
    return mod;
}

static void add_far_pointer(struct hostile_random *r, struct hostile_code *code)
{
    const u32 offset = (u32)hostile_code_address(r);
    const u16 selector = hostile_selector(r);

    for (u32 i = 0; i < 4; i++)
        add_byte(code, (u8)(offset >> 8 * i));
    add_byte(code, (u8)selector);
    add_byte(code, (u8)(selector >> 8));
}

/* Add prefixes, which change the next instruction, have no effect, or make it undefined. */
static bool add_prefixes(struct hostile_random *r, struct hostile_code *code)
{
    static const u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e,
                                  0x26, 0x64, 0x65, 0x48, 0x41, 0x4f, 0x40};
    u32 count = hostile_below(r, 4) ? 0 : 1 + hostile_below(r, 3);

    if (!hostile_below(r, 512))
        count = 14;
    for (u32 i = 0; i < count; i++)
        add_byte(code, prefixes[hostile_below(r, ARRAY_SIZE(prefixes))]);
    return count;
}

static void add_instruction(struct hostile_random *r, struct hostile_code *code,
                            const struct instruction *i)
{
    const bool prefixed = add_prefixes(r, code);
    const u32 given = i->length - !!(i->flags & (MODRM | CONTROL));

    code->name = i->name;
    code->changes_none = i->flags & TRAPS && !prefixed;
    code->is_volatile |= !!(i->flags & READS);
    for (u32 at = 0; at < given; at++)
        add_byte(code, i->bytes[at]);
    code->is_far |= !!(i->flags & STACK);
    /*
     * With a register operand the two groups are other instructions, which read the machine's
     * state.
     */
    if (i->flags & MODRM && mod_rm(r, i->bytes[given], code) == 0xc0)
        code->is_volatile |= i->bytes[0] == 0x0f && (i->bytes[1] == 0x01 || i->bytes[1] == 0xae);
    if (i->flags & CONTROL)
        add_byte(code, 0xc0 | (u8)hostile_next(r));
    if (i->flags & FAR)
        add_far_pointer(r, code);
    add_random(r, code,
               (i->flags & IMM8 ? 1 : 0) + (i->flags & IMM16 ? 2 : 0) + (i->flags & IMM32 ? 4 : 0));
}

static const struct instruction *choose_instruction(struct hostile_random *r, bool is_32bit)
{
    const struct instruction *i;

    do
        i = &table[hostile_below(r, ARRAY_SIZE(table))];
    while (i->flags & (is_32bit ? ONLY_64 : ONLY_32));
    return i;
}

/*
 * The preamble: a pop of flags from the stack, a load of a segment register, or any instruction of
 * the table, which usually is the last one executed then.
 */
static void add_preamble(struct hostile_random *r, struct hostile_code *code, bool is_32bit)
{
    switch (hostile_below(r, 8)) {
    case 0:
        add_byte(code, 0x9d); /* popf */
        break;
    case 1:
        add_byte(code, 0x8e); /* mov eax, to a segment register */
        add_byte(code, 0xc0 | (u8)(hostile_below(r, 6) << 3));
        break;
    case 2:
        add_instruction(r, code, choose_instruction(r, is_32bit));
        break;
    }
}

/*
 * Return whether these bytes contain, at any offset, an instruction whose result differs between
 * two executions.
 */
static bool reads_the_machine(const struct hostile_code *code)
{
    for (u32 i = 0; i + 1 < code->length; i++) {
        const u8 op = code->bytes[i + 1];

        if (code->bytes[i] == 0x0f && (op == 0x31 || op == 0xa2 || op == 0xc7 || op == 0x00 ||
                                       op == 0x01 || op == 0x33 || op == 0xae))
            return true;
    }
    return false;
}

/* Replace IRET, except iretq and the 16-bit form: its outcome differs between platforms. */
static void leave_out_iret32(struct hostile_code *code, bool is_32bit)
{
    const u8 prefix = is_32bit ? 0x66 : 0x48;

    for (u32 i = 0; i < code->length; i++)
        if (code->bytes[i] == 0xcf && (!i || code->bytes[i - 1] != prefix))
            code->bytes[i] = 0xcb; /* retf */
}

/* Replace short jumps to themselves: such a case does not end on every platform. */
static void leave_out_jumps_to_self(struct hostile_code *code)
{
    for (u32 i = 1; i < code->length; i++) {
        const u8 op = code->bytes[i - 1];

        if (code->bytes[i] == 0xfe && (op >> 4 == 7 || op == 0xeb || (op >= 0xe0 && op <= 0xe3)))
            code->bytes[i] = 0xfd;
    }
}

/* Return whether the code contains retf, iret, a far call or enter. */
static bool has_far_transfer(const struct hostile_code *code)
{
    static const u8 opcodes[] = {0x9a, 0xc8, 0xca, 0xcb, 0xcf, 0xff};

    for (u32 i = 0; i < code->length; i++)
        for (u32 k = 0; k < ARRAY_SIZE(opcodes); k++)
            if (code->bytes[i] == opcodes[k])
                return true;
    return false;
}

void hostile_enter_anywhere(struct hostile_code *code)
{
    code->is_far |= has_far_transfer(code);
    code->is_volatile |= reads_the_machine(code);
}

void hostile_make_code(struct hostile_random *r, struct hostile_code *code, bool is_32bit)
{
    *code = (struct hostile_code){.name = "random bytes"};
    add_preamble(r, code, is_32bit);
    code->last = code->length;
    if (hostile_below(r, RANDOM_BYTES_SHARE)) {
        add_instruction(r, code, choose_instruction(r, is_32bit));
    } else {
        add_random(r, code, 1 + hostile_below(r, 15));
        hostile_enter_anywhere(code);
    }
    leave_out_iret32(code, is_32bit);
    leave_out_jumps_to_self(code);
    code->changes_none &= !code->last;
}
