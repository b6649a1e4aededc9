/* SPDX-License-Identifier: MIT */
/*
 * Outcomes in which platforms may differ. Each rule has a name and a reason; the outcomes that it
 * normalizes or drops are counted, and a difference that no rule covers is a finding. See
 * test/hostile/hostile.h.
 */
#include "kernel/trap.h"
#include "lib/string.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/harness/test.h"
#include "test/hostile/hostile.h"

/* xen/arch-x86/xen.h: FIRST_RESERVED_GDT_BYTE, and the page that it begins. */
#define XEN_FIRST_SELECTOR 0xe000ull
#define XEN_SELECTORS      0x1000ull

/* A rule makes an outcome equal on all platforms, or drops it from the comparison (drop). */
struct rule {
    const char *name, *reason;
    bool drop;
    bool (*applies)(const struct hostile_case *c, struct hostile_outcome *o);
};

static bool volatile_result(const struct hostile_case *c, struct hostile_outcome *o)
{
    (void)o;
    return c->code.is_volatile;
}

static bool virtual_8086(const struct hostile_case *c, struct hostile_outcome *o)
{
    (void)c;
    return o->frame.rflags & RFLAGS_VM;
}

static bool stopped(const struct hostile_case *c, struct hostile_outcome *o)
{
    (void)c;
    return o->stopped;
}

static bool far_transfer(const struct hostile_case *c, struct hostile_outcome *o)
{
    (void)o;
    return c->code.is_far;
}

/*
 * An int whose vector is half the number of an open gate, because of an error code with 8 bits for
 * the number.
 */
static bool int_error_code(const struct hostile_case *c, struct hostile_outcome *o)
{
    (void)o;
    for (u32 i = 0; i + 1 < c->code.length; i++) {
        const u8 twice = (u8)(2 * c->code.bytes[i + 1]);

        if (c->code.bytes[i] == 0xcd && (twice == HOSTILE_GATE || twice == VECTOR_OF))
            return true;
    }
    return false;
}

/* #UD, or #GP for one of a few reasons, near a page's end: normalized to #PF without an address. */
static bool fault_at_page_end(const struct hostile_case *c, struct hostile_outcome *o)
{
    const u64 end = ALIGN_DOWN(o->frame.rip, PAGE_SIZE) + PAGE_SIZE;
    const u64 vector = o->frame.vector;

    if (end - o->frame.rip >= 15 || c->place == PLACE_MIDDLE || c->place == PLACE_CROSSING)
        return false;
    if (vector != VECTOR_UD && vector != VECTOR_GP &&
        (vector != VECTOR_PF || o->fault_address != end))
        return false;
    o->frame.vector = VECTOR_PF;
    o->frame.error = o->fault_address = 0;
    return true;
}

static bool lock_prefix(const struct hostile_case *c, struct hostile_outcome *o)
{
    bool has_lock = false;

    for (u32 i = 0; i < c->code.length; i++)
        has_lock |= c->code.bytes[i] == 0xf0;
    if (!has_lock)
        return false;
    if (o->frame.vector != VECTOR_UD && o->frame.vector != VECTOR_GP)
        return false;
    o->frame.vector = VECTOR_UD;
    o->frame.error = 0;
    return true;
}

/*
 * Whether the page is present differs: the user page tables of a PV guest do not map the kernel's
 * half.
 */
static bool kernel_address(const struct hostile_case *c, struct hostile_outcome *o)
{
    (void)c;
    if (o->frame.vector != VECTOR_PF || !(o->fault_address >> 63))
        return false;
    o->frame.error &= ~1ull;
    return true;
}

/* Fields of a segment's descriptor (Intel SDM vol. 3, section 3.4.5). */
static bool is_code(u64 descriptor)
{
    return descriptor >> 44 & 1 && descriptor >> 43 & 1;
}

static bool is_present(u64 descriptor)
{
    return descriptor >> 47 & 1;
}

static u32 privilege(u64 descriptor)
{
    return (u32)(descriptor >> 45) & 3;
}

static bool is_conforming(u64 descriptor)
{
    return descriptor >> 42 & 1;
}

static bool is_writable(u64 descriptor)
{
    return descriptor >> 44 & 1 && !is_code(descriptor) && descriptor >> 41 & 1;
}

/* Return the vector, or 0, of iret's checks of cs and ss (Intel SDM vol. 2). */
static u32 code_refusal(u64 cs)
{
    if (!is_code(cs) || (privilege(cs) != 3 && !is_conforming(cs)))
        return VECTOR_GP;
    return is_present(cs) ? 0 : VECTOR_NP;
}

static u32 stack_refusal(u64 ss)
{
    if (!is_writable(ss) || privilege(ss) != 3)
        return VECTOR_GP;
    return is_present(ss) ? 0 : VECTOR_SS;
}

u32 hostile_iret_refuses(const struct trap_frame *frame, u64 *error)
{
    const u32 vector = code_refusal(hostile_descriptor((u16)frame->cs));

    *error = (vector ? frame->cs : frame->ss) & ~3ull;
    return vector ? vector : stack_refusal(hostile_descriptor((u16)frame->ss));
}

/*
 * A frame whose selectors iret cannot load: the general registers and the exception are compared,
 * not the address at which it was reported. On bare metal that is the kernel's iretq. Xen executes
 * iretq itself and reports the exception as one of the frame that could not be loaded, of which no
 * instruction has run (4.17: exception_with_ints_disabled in x86_64/entry.S, by
 * search_pre_exception_table).
 */
static bool refused_frame(const struct hostile_case *c, struct hostile_outcome *o)
{
    struct trap_frame *const f = &o->frame;
    u64 error;
    const u32 vector = hostile_iret_refuses(&c->frame, &error);

    if (!vector || f->vector != vector || f->error != error)
        return false;
    if (!o->refused && (f->rip != c->frame.rip || f->rsp != c->frame.rsp || f->cs != c->frame.cs))
        return false;
    f->rip = c->frame.rip;
    f->cs = c->frame.cs;
    f->rflags = c->frame.rflags;
    f->rsp = c->frame.rsp;
    f->ss = c->frame.ss;
    o->refused = false;
    o->fault_address = 0;
    return true;
}

/* Return the width of the code that a frame enters: 64, 32 or 16 bits. */
static u32 code_bits(u16 cs)
{
    const u64 descriptor = hostile_descriptor(cs);

    return descriptor >> 53 & 1 ? 64 : descriptor >> 54 & 1 ? 32 : 16;
}

/* The prefixes of an instruction, from an offset of the case's code on. */
struct prefixes {
    u32 end; /* offset of the opcode */
    bool rep, address_size;
};

static bool is_prefix(u8 byte, u32 bits)
{
    static const u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65};

    for (u32 i = 0; i < ARRAY_SIZE(prefixes); i++)
        if (byte == prefixes[i])
            return true;
    return bits == 64 && byte >> 4 == 4;
}

static struct prefixes read_prefixes(const struct hostile_case *c, u32 at)
{
    const u32 bits = code_bits((u16)c->frame.cs);
    struct prefixes p = {.end = at};

    for (; p.end < c->code.length && is_prefix(c->code.bytes[p.end], bits); p.end++) {
        p.rep |= c->code.bytes[p.end] >> 1 == 0xf2 >> 1;
        p.address_size |= c->code.bytes[p.end] == 0x67;
    }
    return p;
}

/*
 * Return the opcode at which the code was left, or 0x100 + the second byte after 0x0f; 0 if that
 * instruction is not part of the case. *reg is the reg field of its ModRM byte.
 */
static u32 last_opcode(const struct hostile_case *c, const struct hostile_outcome *o, u32 *reg)
{
    const u64 start = o->frame.rip - c->start;
    u32 at, opcode;

    if (start >= c->code.length)
        return 0;
    at = read_prefixes(c, (u32)start).end;
    if (at >= c->code.length)
        return 0;
    opcode = c->code.bytes[at++];
    if (opcode == 0x0f && at < c->code.length)
        opcode = 0x100 + c->code.bytes[at++];
    *reg = at < c->code.length ? c->code.bytes[at] >> 3 & 7 : 0;
    return opcode;
}

/*
 * A rotation through CF, or a setcc, of memory that faulted. QEMU 7.2 computes the flags before the
 * access, by gen_compute_eflags in gen_rotc_rm_T1 and gen_prepare_cc, and keeps where it put them
 * but not what kind they are: any bit of the frame's flags may be set.
 */
bool hostile_flags_are_lost(const struct hostile_case *c, const struct hostile_outcome *o)
{
    u32 reg = 0;
    const u32 opcode = last_opcode(c, o, &reg);
    const bool is_rotation = opcode >> 1 == 0xc0 >> 1 || opcode >> 2 == 0xd0 >> 2;
    const bool is_setcc = opcode >> 4 == 0x19;

    if (!is_setcc && !(is_rotation && (reg == 2 || reg == 3)))
        return false;
    return o->frame.vector == VECTOR_PF || o->frame.vector == VECTOR_GP;
}

static bool flags_of_fault(const struct hostile_case *c, struct hostile_outcome *o)
{
    if (!hostile_flags_are_lost(c, o))
        return false;
    o->frame.rflags = 0;
    return true;
}

/*
 * 0x8f is a pop where the reg field is 0, and undefined elsewhere. QEMU 7.2 does not look at the
 * field; Xen, which decodes the instruction at #GP, does (4.17: x86_emulate.c, case 0x8f).
 */
static bool undefined_pop(const struct hostile_case *c, struct hostile_outcome *o)
{
    u32 reg = 0;

    if (last_opcode(c, o, &reg) != 0x8f || !reg)
        return false;
    if (o->frame.vector != VECTOR_UD && (o->frame.vector != VECTOR_GP || o->frame.error))
        return false;
    o->frame.vector = VECTOR_UD;
    return true;
}

/* Return the count of a string instruction in rcx, of the width of its addresses. */
static u64 string_count(const struct hostile_case *c, bool address_size, u64 rcx)
{
    switch (code_bits((u16)c->frame.cs)) {
    case 64:
        return address_size ? (u32)rcx : rcx;
    case 32:
        return address_size ? (u16)rcx : (u32)rcx;
    default:
        return address_size ? (u32)rcx : (u16)rcx;
    }
}

/*
 * rep ins or rep outs whose count is 0, unless the code ended before it. A CPU at CPL 3 checks the
 * I/O privilege first (QEMU 7.2: gen_check_io) and raises #GP at the instruction; Xen emulates it
 * then, finds no repetition (4.17: get_rep_prefix in x86_emulate.c), and skips it.
 */
static bool no_string_io(const struct hostile_case *c, struct hostile_outcome *o)
{
    const u64 left_at = o->frame.rip - c->start;

    for (u32 at = 0; at < c->code.length; at++) {
        const struct prefixes p = read_prefixes(c, at);
        const bool is_io = p.end < c->code.length && c->code.bytes[p.end] >> 2 == 0x6c >> 2;
        const bool is_before = left_at < at;

        if (is_io && p.rep && !is_before && !string_count(c, p.address_size, o->frame.rcx))
            return true;
    }
    return false;
}

/* A selector of Xen's own descriptors is loaded, or would be. */
static bool hypervisors_segment(const struct hostile_case *c, struct hostile_outcome *o)
{
    const struct trap_frame *const f = &o->frame;
    const u64 selectors[] = {
        o->ds, o->es, o->fs, o->gs, f->cs, f->ss, f->vector == VECTOR_GP ? f->error : 0};

    (void)c;
    for (u32 i = 0; i < ARRAY_SIZE(selectors); i++)
        if (selectors[i] - XEN_FIRST_SELECTOR < XEN_SELECTORS)
            return true;
    return false;
}

static const struct rule rules[] = {
    {"refused",
     "iret's own exception: Xen reports it of the user's frame, a CPU of the kernel's iretq", false,
     refused_frame},
    {"flags-of-fault",
     "a rotation through CF or a setcc of memory that faults: QEMU 7.2 loses the flags from before",
     false, flags_of_fault},
    {"volatile", "may read what the machine alone decides: counters, CPUID, descriptor tables",
     true, volatile_result},
    {"vm", "a frame with VM set, which no CPU in long mode pushes", true, virtual_8086},
    {"stopped", "a loop that a timer ended: its registers depend on the time", true, stopped},
    {"far-transfer",
     "what a far call, retf, iret or enter of user mode does to its stack is not the same on every "
     "platform under SMAP",
     true, far_transfer},
    {"int-error", "QEMU 7.2 refuses int n with error code 16n + 2, by which Xen delivers int 2n",
     true, int_error_code},
    {"xen-segment", "a selector of Xen's own table, which a guest of it can load and no other can",
     true, hypervisors_segment},
    {"rep-io", "rep ins or rep outs with a count of 0: a CPU raises #GP, Xen's emulator skips it",
     true, no_string_io},
    {"pop", "QEMU 7.2 takes 0x8f with any reg field for a pop, Xen's emulator refuses all but 0",
     false, undefined_pop},
    {"kernel-address",
     "the kernel's half is absent from the tables that a PV guest's user mode runs on", false,
     kernel_address},
    {"page-end",
     "Xen reads on at #UD, for its prefix, and at #GP, to emulate, and reports #PF there", false,
     fault_at_page_end},
    {"lock",
     "QEMU 7.2 takes lock before an instruction that must not have it, Xen's emulator refuses",
     false, lock_prefix},
};

static u64 counts[ARRAY_SIZE(rules)]; /* Atomic: counts */

static u64 mix_hash(u64 hash, u64 value)
{
    hash = (hash ^ value) * 0x9fb21c651e98df25;
    return hash ^ hash >> 28;
}

/*
 * Flags that are compared. IOPL and RF belong to the CPU and the kernel; ID, VIF and VIP have no
 * effect here.
 */
#define COMPARED_FLAGS 0x44fd5ull

/* Clear the upper halves of rax to rdi, rbp and rbx. */
void hostile_drop_upper_halves(union sandbox_regs *regs)
{
    u64 *const legacy[] = {&regs->frame.rax, &regs->frame.rcx, &regs->frame.rdx, &regs->frame.rsi,
                           &regs->frame.rdi, &regs->frame.rbp, &regs->frame.rbx};

    for (u32 i = 0; i < ARRAY_SIZE(legacy); i++)
        *legacy[i] = (u32)*legacy[i];
}

/* A null selector may lose its RPL when it is loaded. */
static u64 null_without_rpl(u16 selector)
{
    return selector > 3 ? selector : 0;
}

static u64 hash_outcome(const struct hostile_case *c, const struct hostile_outcome *o)
{
    union sandbox_regs regs = {.frame = o->frame};
    const bool is_64bit = c->frame.cs == USER_CS && o->frame.cs == USER_CS;
    u64 hash = 1;

    if (!is_64bit)
        hostile_drop_upper_halves(&regs);
    for (u32 i = 0; i < 15; i++)
        hash = mix_hash(hash, regs.words[i]);
    hash = mix_hash(hash, o->frame.vector);
    hash = mix_hash(hash, o->frame.error);
    hash = mix_hash(hash, o->refused);
    if (!o->refused) {
        hash = mix_hash(hash, is_64bit ? o->frame.rip : (u32)o->frame.rip);
        hash = mix_hash(hash, is_64bit ? o->frame.rsp : (u32)o->frame.rsp);
        hash = mix_hash(hash, o->frame.rflags & COMPARED_FLAGS);
        hash = mix_hash(hash, o->frame.cs | o->frame.ss << 16);
        hash = mix_hash(hash, is_64bit ? o->fault_address : (u32)o->fault_address);
    }
    hash = mix_hash(hash, null_without_rpl(o->ds) | null_without_rpl(o->es) << 16 |
                              null_without_rpl(o->fs) << 32 | null_without_rpl(o->gs) << 48);
    return hash ? hash : 1;
}

u64 hostile_digest(const struct hostile_case *c, const struct hostile_outcome *o, const char **rule)
{
    struct hostile_outcome alike = *o;

    *rule = NULL;
    for (u32 i = 0; i < ARRAY_SIZE(rules); i++) {
        if (!rules[i].applies(c, &alike))
            continue;
        *rule = rules[i].name;
        __atomic_fetch_add(&counts[i], 1, __ATOMIC_RELAXED);
        if (rules[i].drop)
            return 0;
    }
    return hash_outcome(c, &alike);
}

void hostile_print_rules(void)
{
    for (u32 i = 0; i < ARRAY_SIZE(rules); i++)
        print("# hostile rule %s %llu: %s\n", rules[i].name, (unsigned long long)counts[i],
              rules[i].reason);
}
