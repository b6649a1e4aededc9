/* SPDX-License-Identifier: MIT */
/*
 * Random frames of the kernel itself for iret: selectors of RPL 0 to 2, any flags, unmapped
 * addresses, stacks that cannot be written. Each case must end in one exception, with the kernel
 * unharmed. If the frame could be loaded, that is the landing pad's breakpoint, with every register
 * as in the frame; otherwise one that such a frame may raise (pv/ops/desc.def, iret).
 */
#include "kernel/trap.h"
#include "lib/string.h"
#include "mm/space.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/harness/lines.h"
#include "test/harness/test.h"
#include "test/hostile/hostile.h"

#define STACK_SIZE   0x4000
#define FAILURES_MAX 10 /* so many are printed */
#define VECTOR_TS    10
#define USER_GS_BASE 0x600000ull

/* A breakpoint instruction: its exception shows that the frame was loaded. */
extern const u8 hostile_pad[];
__asm__(".pushsection .text\n\t.balign 16\nhostile_pad:\n\tint3\n\tint3\n\t.popsection");

/*
 * The stack on which exceptions and interrupts of loaded frames are pushed. Written: by the CPU
 * that runs cases.
 */
static u8 stack[STACK_SIZE] __aligned(16);

struct frame_case {
    struct trap_frame frame;
    bool bad_stack; /* rsp is not writable memory */
};

static u64 unmapped_or(struct hostile_random *r, u64 otherwise)
{
    static const u64 addresses[] = {0,
                                    0x1000,
                                    0x7ffffffff000,
                                    0x7fffffffffff,
                                    0x0000800000000000,
                                    0x8000000000000000,
                                    0xffff7fff00000000,
                                    0xffff900000000000};
    const u64 va = addresses[hostile_below(r, ARRAY_SIZE(addresses))];
    struct mm_mapping m;

    return IS_CANONICAL(va) && mm_query(&mm_kernel, va & ~(PAGE_SIZE - 1), &m) ? otherwise : va;
}

/*
 * Return a selector of RPL 0 to 2. 32-bit code is excluded: on Xen PV, where the kernel runs at
 * user mode's CPL, it could be loaded, and could not use a stack above 4 GiB.
 */
static u64 kernel_selector(struct hostile_random *r, u64 usual)
{
    const u64 selector = (hostile_selector(r) & ~3u) | hostile_below(r, 3);

    return hostile_below(r, 4) || selector >> 3 == USER_CS32 >> 3 ? usual : selector;
}

static u64 random_flags(struct hostile_random *r)
{
    static const u64 bits[] = {RFLAGS_CF,
                               RFLAGS_TF,
                               RFLAGS_IF,
                               RFLAGS_DF,
                               RFLAGS_NT,
                               RFLAGS_RF,
                               RFLAGS_VM,
                               RFLAGS_AC,
                               RFLAGS_IOPL,
                               1ull << 19 /* VIF */,
                               1ull << 20 /* VIP */,
                               1ull << 21 /* ID */};
    u64 value = RFLAGS_FIXED;

    for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
        if (!hostile_below(r, 4))
            value |= bits[i];
    return value;
}

/*
 * A bad stack is combined with disabled interrupts: the CPU accepts an interrupt before it finds
 * that it cannot push the frame. Then no handler runs, the vector stays in service, and the APIC
 * blocks every interrupt of the same or a lower priority. Xen PV ends a guest if it has an
 * exception to deliver and cannot write to the kernel stack.
 */
static void make_case(u64 seed, u64 number, struct frame_case *c)
{
    struct hostile_random r = {.state = seed * 0x9e3779b97f4a7c15 + number};
    union sandbox_regs regs = {0};

    for (u32 i = 0; i < 15; i++)
        regs.words[i] = hostile_value(&r);
    c->frame = regs.frame;
    c->frame.rip = (u64)hostile_pad;
    if (!hostile_below(&r, 3))
        c->frame.rip = unmapped_or(&r, (u64)hostile_pad);
    c->frame.cs = kernel_selector(&r, pv_kernel_cs());
    c->frame.ss = kernel_selector(&r, pv_kernel_ss());
    c->frame.rflags = random_flags(&r);
    c->frame.rsp = (u64)stack + STACK_SIZE - hostile_below(&r, 256);
    c->bad_stack = !on_xen_pv() && !hostile_below(&r, 6);
    if (c->bad_stack) {
        c->frame.rsp = unmapped_or(&r, (u64)hostile_pad);
        c->frame.rflags &= ~RFLAGS_IF;
    }
}

static void report_failure(u64 seed, u64 number, const struct frame_case *c,
                           const struct trap_frame *left, const char *what)
{
    const struct trap_frame *const e = &c->frame;

    if (__atomic_add_fetch(&hostile_failures, 1, __ATOMIC_RELAXED) > FAILURES_MAX)
        return;
    print("# hostile: seed=%llu frame=%llu: %s\n", (unsigned long long)seed,
          (unsigned long long)number, what);
    print("# entered: rip %lx cs %lx rflags %lx rsp %lx ss %lx\n", e->rip, e->cs, e->rflags, e->rsp,
          e->ss);
    print("# left by vector %lu %s, error %lx: rip %lx cs %lx rflags %lx rsp %lx ss %lx\n",
          left->vector, exception_name(left->vector), left->error, left->rip, left->cs,
          left->rflags, left->rsp, left->ss);
}

/* Return whether the whole frame was loaded, except RF, VM and the flags that a hypervisor owns. */
static bool is_loaded_wholly(const struct trap_frame *entered, const struct trap_frame *left)
{
    const u64 kept = RFLAGS_CF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | 1ull << 21;
    const union sandbox_regs a = {.frame = *entered}, b = {.frame = *left};

    return !memcmp(a.words, b.words, 15 * sizeof(u64)) && entered->rsp == left->rsp &&
           !((entered->rflags ^ left->rflags) & kept);
}

static bool may_raise(const struct frame_case *c, u64 vector)
{
    switch (vector) {
    case VECTOR_TS:
    case VECTOR_NP:
    case VECTOR_SS:
    case VECTOR_GP:
    case VECTOR_PF:
        return true;
    case VECTOR_DB:
        return c->frame.rflags & RFLAGS_TF;
    case VECTOR_DF:
        return c->bad_stack;
    default:
        return false;
    }
}

/* Run one case, and return whether its frame was loaded. */
static bool run_case(u64 seed, u64 number)
{
    const struct pv_cpu_area *const area = pv_this_area();
    struct trap_frame left;
    struct frame_case c;
    bool loaded;

    make_case(seed, number, &c);
    left = c.frame;
    user_run(&left, USER_BY_IRET);
    loaded = left.vector == VECTOR_BP && left.rip == (u64)hostile_pad + 1;
    if (pv_this_area() != area || pv_read_user_gs_base() != USER_GS_BASE)
        report_failure(seed, number, &c, &left, "a %gs base has changed");
    if (pv_save_fl() & PV_FLAG_IF)
        report_failure(seed, number, &c, &left, "interrupts are enabled");
    if (loaded && !is_loaded_wholly(&c.frame, &left))
        report_failure(seed, number, &c, &left, "a register is not as the frame says");
    if (!loaded && !may_raise(&c, left.vector))
        report_failure(seed, number, &c, &left, "an exception that such a frame does not raise");
    return loaded;
}

/* Wait at most a second for one more interrupt of the line. */
static bool is_delivered(const struct test_line *line)
{
    const u32 before = READ_ONCE(line->hits);
    const u64 end = pv_clock_ns() + NS_PER_S;

    pv_irq_raise(line->line);
    while (READ_ONCE(line->hits) == before && pv_clock_ns() < end)
        barrier();
    return READ_ONCE(line->hits) != before;
}

/*
 * An interrupt is pending in each case: a frame with IF set takes it before its first instruction.
 */
u64 hostile_run_frames(u64 seed, u64 first, u64 count)
{
    struct test_line line = {0};
    u64 loaded = 0;

    if (!test_line_open(&line))
        return 0;
    pv_irq_disable();
    EXPECT_EQ(pv_write_user_gs_base(USER_GS_BASE), 0);
    for (u64 n = first; n < first + count; n++) {
        pv_irq_raise(line.line);
        loaded += run_case(seed, n);
    }
    EXPECT_EQ(pv_write_user_gs_base(0), 0);
    pv_irq_enable();
    EXPECT(is_delivered(&line));
    test_line_close(&line);
    return loaded;
}

/* A fixed sample; with soak= a new seed, which is printed. */
SOAK_TEST(entry, random_kernel_frames_end_in_one_exception, iret)
{
    struct stress stress = {.normal = 64};
    const u64 seed = soak_share_ns ? pv_read_tsc() : 1, failures = hostile_failures;
    u64 loaded = 0, number = 0;

    for (; stress_continues(&stress); number += 256)
        loaded += hostile_run_frames(seed, number, 256);
    EXPECT_EQ(hostile_failures, failures);
    EXPECT(loaded > number / 8 && loaded < number * 7 / 8);
    print("# %llu frames of seed %llu, %llu of them loaded\n", (unsigned long long)number,
          (unsigned long long)seed, (unsigned long long)loaded);
}
