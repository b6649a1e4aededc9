/*
 * See test/hostile.h: where platforms may differ. Each rule has a name and its reason; what it
 * makes alike or leaves out is counted, and a difference that no rule covers is a finding.
 */
#include "kernel/trap.h"
#include "lib/string.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/hostile.h"
#include "test/test.h"

#define ARITHMETIC_FLAGS 0x8d5ull /* CF, PF, AF, ZF, SF and OF */

/* By its end an outcome is the same everywhere, or is not compared (drop). */
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

/* int with half the number of an open gate; numbers have 8 bits. */
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

/* #UD, or #GP for one of a few reasons, within reach of a page's end: all become #PF of nowhere. */
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

/* Present or not: the user's tables of a PV guest do not have the kernel's half. */
static bool kernel_address(const struct hostile_case *c, struct hostile_outcome *o)
{
    (void)c;
    if (o->frame.vector != VECTOR_PF || !(o->fault_address >> 63))
        return false;
    o->frame.error &= ~1ull;
    return true;
}

/* What is left of such an outcome is the exception itself. */
static bool refused_frame(const struct hostile_case *c, struct hostile_outcome *o)
{
    const bool wrong = c->frame.cs != (c->is_32bit ? USER_CS32 : USER_CS) || c->frame.ss != USER_DS;
    const bool at_once =
        o->frame.rip == c->frame.rip && o->frame.vector > VECTOR_DF && o->frame.vector <= VECTOR_GP;
    struct hostile_outcome what = {.frame = c->frame};

    if (!o->refused && !(wrong && at_once))
        return false;
    what.frame.vector = o->frame.vector;
    what.frame.error = o->frame.error;
    *o = what;
    return true;
}

/*
 * Return the opcode of the instruction at which the code was left, without prefixes, 0x0f being one
 * of them, to which 0x100 is added; 0 if that instruction is not the case's.
 */
static u32 last_opcode(const struct hostile_case *c, const struct hostile_outcome *o)
{
    static const u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65};

    for (u64 at = o->frame.rip - c->start; at < c->code.length; at++) {
        const u8 byte = c->code.bytes[at];
        bool is_prefix = !c->is_32bit && byte >> 4 == 4;

        for (u32 i = 0; i < ARRAY_SIZE(prefixes); i++)
            is_prefix |= byte == prefixes[i];
        if (byte == 0x0f && at + 1 < c->code.length)
            return 0x100 + c->code.bytes[at + 1];
        if (!is_prefix)
            return byte;
    }
    return 0;
}

/* A shift, rotation or setcc of memory that faulted: which flags it leaves. */
static bool flags_of_fault(const struct hostile_case *c, struct hostile_outcome *o)
{
    const u32 opcode = last_opcode(c, o);
    const bool is_shift = opcode >> 1 == 0xc0 >> 1 || opcode >> 2 == 0xd0 >> 2;
    const bool is_setcc = opcode >> 4 == 0x19;

    if (!is_shift && !is_setcc)
        return false;
    if (o->frame.vector != VECTOR_PF && o->frame.vector != VECTOR_GP)
        return false;
    o->frame.rflags &= ~ARITHMETIC_FLAGS;
    return true;
}

/* rep ins or rep outs whose count is 0: either #GP, or nothing at all. */
static bool no_string_io(const struct hostile_case *c, struct hostile_outcome *o)
{
    bool has_rep = false;

    (void)o;
    if (c->is_32bit ? (u16)c->frame.rcx : (u32)c->frame.rcx)
        return false;
    for (u32 i = 0; i < c->code.length; i++) {
        has_rep |= c->code.bytes[i] == 0xf2 || c->code.bytes[i] == 0xf3;
        if (has_rep && c->code.bytes[i] >> 2 == 0x6c >> 2)
            return true;
    }
    return false;
}

static const struct rule rules[] = {
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
    {"rep-io", "rep ins or rep outs of nothing: QEMU 7.2 raises #GP, Xen's emulator does nothing",
     true, no_string_io},
    {"flags-of-fault",
     "a shift, rotation or setcc of memory that faults: in QEMU 7.2 the flags are not always those "
     "from before",
     false, flags_of_fault},
    {"refused",
     "iret's own exception: Xen reports it of the user's frame, a CPU of the kernel's iretq", false,
     refused_frame},
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

static u64 counts[ARRAY_SIZE(rules)];

static u64 mix(u64 hash, u64 value)
{
    hash = (hash ^ value) * 0x9fb21c651e98df25;
    return hash ^ hash >> 28;
}

/* IOPL and RF are the CPU's and the kernel's; ID, VIF and VIP mean nothing to anybody here. */
#define COMPARED_FLAGS 0x44fd5ull

/* Of rax to rdi, rbp and rbx. */
void hostile_drop_upper_halves(union sandbox_regs *regs)
{
    u64 *const legacy[] = {&regs->frame.rax, &regs->frame.rcx, &regs->frame.rdx, &regs->frame.rsi,
                           &regs->frame.rdi, &regs->frame.rbp, &regs->frame.rbx};

    for (u32 i = 0; i < ARRAY_SIZE(legacy); i++)
        *legacy[i] = (u32)*legacy[i];
}

/* A null selector may lose its RPL on the way. */
static u64 null(u16 selector)
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
        hash = mix(hash, regs.words[i]);
    hash = mix(hash, o->frame.vector);
    hash = mix(hash, o->frame.error);
    hash = mix(hash, o->refused);
    if (!o->refused) {
        hash = mix(hash, is_64bit ? o->frame.rip : (u32)o->frame.rip);
        hash = mix(hash, is_64bit ? o->frame.rsp : (u32)o->frame.rsp);
        hash = mix(hash, o->frame.rflags & COMPARED_FLAGS);
        hash = mix(hash, o->frame.cs | o->frame.ss << 16);
        hash = mix(hash, is_64bit ? o->fault_address : (u32)o->fault_address);
    }
    hash = mix(hash, null(o->ds) | null(o->es) << 16 | null(o->fs) << 32 | null(o->gs) << 48);
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
        counts[i]++;
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
