/* SPDX-License-Identifier: MIT */
/*
 * Run a case in its space, and check the kernel afterwards: its state must not depend on what user
 * mode did. See test/hostile/hostile.h.
 */
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "lib/string.h"
#include "mm/space.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/harness/cpus.h"
#include "test/harness/test.h"
#include "test/hostile/hostile.h"

#define INT3         0xcc /* fills all code pages, so that a case ends wherever it jumps */
#define TICK_NS      NS_PER_MS
#define TICKS_MAX    25 /* ticks after which a case counts as endless */
#define FAILURES_MAX 10 /* so many are printed */
#define MXCSR        0x1f80

#define DESCRIPTOR_LONG  (1ull << 53) /* L: code of 64 bits */
#define DESCRIPTOR_PAGES (1ull << 55) /* G: the limit counts pages */

enum {
    PAGE_CODE,
    PAGE_CODE_2,
    PAGE_CODE_NX,
    PAGE_CODE_TOP,
    CODE_PAGES,
    PAGE_DATA = CODE_PAGES,
    PAGE_STACK,
    PAGE_BEHIND_NX,
    NR_PAGES,
};

static const struct {
    u64 va;
    u32 prot;
} layout[NR_PAGES] = {
    [PAGE_CODE] = {HOSTILE_CODE, MM_EXEC},
    [PAGE_CODE_2] = {HOSTILE_CODE + PAGE_SIZE, MM_EXEC},
    [PAGE_CODE_NX] = {HOSTILE_CODE_NX, MM_EXEC},
    [PAGE_CODE_TOP] = {HOSTILE_CODE_TOP, MM_EXEC},
    [PAGE_DATA] = {HOSTILE_DATA, MM_WRITE},
    [PAGE_STACK] = {HOSTILE_STACK, MM_WRITE},
    [PAGE_BEHIND_NX] = {HOSTILE_CODE_NX + PAGE_SIZE, MM_WRITE},
};

/*
 * The accessed bits are set, so that no CPU writes to the table. Limits and bases that have an
 * effect, and absent segments.
 */
static u64 tls[3] = {
    0x0040f3600000007f, /* data: HOSTILE_DATA, 128 bytes */
    0x0040fb4000000fff, /* 32-bit code: HOSTILE_CODE, a page */
    0x000ffb000000ffff, /* 16-bit code: 0, 1 MiB */
};
#define LDT_COUNT 8
static u64 ldt[GDT_MAX_COUNT] __aligned(PAGE_SIZE) = {
    DESCRIPTOR_USER_CODE64, DESCRIPTOR_USER_CODE32,
    DESCRIPTOR_USER_DATA,   0x00cf7b000000ffff, /* code that is absent */
    0x00c0f70000000010,                         /* data that expands down */
    0x00cff9000000ffff,                         /* code that cannot be read */
    0x008ffb000000ffff,                         /* 16-bit code */
    0x00cff1000000ffff,                         /* data that cannot be written */
};

/*
 * QEMU executes code beyond a segment's limit. KVM looks at the limit when it reads an instruction
 * that it has intercepted, such as cpuid, and ends the guest if the limit excludes it
 * (docs/facts.md). So a guest of KVM has no such segment.
 */
static void raise_limits_on_kvm(void)
{
    if (on_kvm() || on_hyperv() || !strcmp(pv_backend_name(), "vmware"))
        for (u32 i = 1; i < ARRAY_SIZE(tls); i++)
            tls[i] |= DESCRIPTOR_PAGES | 0x000f00000000ffff;
}

u64 hostile_descriptor(u16 selector)
{
    const u32 index = selector >> 3;

    if (selector & 4) /* TI: the LDT */
        return index < LDT_COUNT ? ldt[index] : 0;
    switch (index) {
    case USER_CS >> 3:
        return DESCRIPTOR_USER_CODE64;
    case USER_CS32 >> 3:
        return DESCRIPTOR_USER_CODE32;
    case USER_DS >> 3:
        return DESCRIPTOR_USER_DATA;
    case GDT_TLS:
    case GDT_TLS + 1:
    case GDT_TLS + 2:
        return tls[index - GDT_TLS];
    default:
        return 0;
    }
}

/*
 * The cases that one CPU runs one after the other, in a space of its own or in that of CPU 0. Per
 * CPU: each has its own, except for the pages of CPU 0's space.
 */
static struct stream {
    struct mm_space own, *space;
    bool changed_by_others; /* other CPUs run their cases in the same space */
    u8 *pages[NR_PAGES];    /* as the kernel sees them */
    u64 data[PAGE_SIZE / 8], stack[PAGE_SIZE / 8]; /* contents at the start of the block */
    bool left_traces; /* in memory or in the FPU, different on each platform */
    struct timer tick_timer;

    /* The running case, for the tick. */
    u64 number, seen; /* counted from 1 */
    u32 ticks;
    bool stopped;

    /* The state in the callback that ended the case. */
    u64 left_flags, left_sp;
    const struct pv_cpu_area *left_area;
    bool left_seen;
} streams[STRESS_CPUS];

static u64 must_be_clear; /* Atomic: every CPU computes the same */

u64 hostile_failures; /* Atomic: a count */

static struct stream *this_stream(void)
{
    return &streams[pv_this_cpu()];
}

static bool is_shared(const struct stream *s)
{
    return s->space != &s->own;
}

static bool map_pages(struct stream *s)
{
    struct mm_mapping m;

    for (u32 i = 0; i < NR_PAGES; i++) {
        if (mm_populate(s->space, layout[i].va, 1, layout[i].prot) ||
            !mm_query(s->space, layout[i].va, &m))
            return false;
        s->pages[i] = pfn_to_va(m.pfn);
    }
    return true;
}

static void clean_code(struct stream *s)
{
    for (u32 i = 0; i < CODE_PAGES; i++)
        memset(s->pages[i], INT3, PAGE_SIZE);
}

/* End a case that has run for too many ticks: replace its code by breakpoints. */
static void on_tick(struct timer *timer)
{
    struct stream *const s = this_stream();

    if (s->seen != s->number)
        s->ticks = 0;
    s->seen = s->number;
    if (irq_frame() && from_user(irq_frame()) && ++s->ticks >= TICKS_MAX) {
        s->stopped = true;
        clean_code(s);
    }
    timer_start(timer, pv_clock_ns() + TICK_NS, on_tick);
}

static void record_exit_state(const struct trap_frame *frame)
{
    struct stream *const s = this_stream();

    s->left_flags = __builtin_ia32_readeflags_u64();
    s->left_area = pv_this_area();
    s->left_sp = (u64)(frame + 1);
    s->left_seen = true;
}

static bool make_space(struct stream *s)
{
    s->space = &s->own;
    if (!EXPECT(mm_space_create(s->space) == 0))
        return false;
    if (EXPECT(map_pages(s)))
        return true;
    mm_space_destroy(s->space);
    return false;
}

static void share_space(struct stream *s)
{
    s->space = streams[0].space;
    memcpy(s->pages, streams[0].pages, sizeof(s->pages));
}

bool hostile_make(u32 cpu, bool shared)
{
    const bool on_xen_pv = !strcmp(pv_backend_name(), "xen-pv");
    struct stream *const s = &streams[cpu];
    struct pv_features f;

    pv_cpu_features(&f);
    must_be_clear = RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | (f.smap || on_xen_pv ? RFLAGS_AC : 0);
    s->changed_by_others = shared;
    raise_limits_on_kvm();
    if (shared && cpu)
        share_space(s);
    else if (!make_space(s))
        return false;
    clean_code(s);
    return true;
}

void hostile_begin(void)
{
    struct stream *const s = this_stream();

    pv_irq_disable();
    EXPECT_EQ(mm_space_activate(s->space), 0);
    EXPECT_EQ(pv_write_idt_entry(HOSTILE_GATE, 3), 0);
    s->left_traces = true;
    EXPECT_EQ(pv_load_tls(tls), 0);
    EXPECT_EQ(pv_load_ldt(ldt, LDT_COUNT), 0);
    user_left_hook = record_exit_state;
    timer_start(&s->tick_timer, pv_clock_ns() + TICK_NS, on_tick);
}

/* Load null into %fs, %gs and the data segments, and set their bases to 0. */
static void reset_segments(void)
{
    u16 fs, gs;

    __asm__ volatile("movl %0, %%ds\n\tmovl %0, %%es" : : "r"(0));
    __asm__ volatile("movw %%fs, %0\n\tmovw %%gs, %1" : "=r"(fs), "=r"(gs));
    if (fs)
        __asm__ volatile("movl %0, %%fs" : : "r"(0));
    if (gs)
        pv_load_gs_index(0);
}

void hostile_end(void)
{
    static const u64 none[3];
    struct stream *const s = this_stream();

    timer_stop(&s->tick_timer);
    reset_segments();
    EXPECT_EQ(pv_load_ldt(NULL, 0), 0);
    EXPECT_EQ(pv_load_tls(none), 0);
    EXPECT_EQ(pv_write_fs_base(this_thread()->fs_base), 0);
    EXPECT_EQ(pv_write_user_gs_base(0), 0);
    EXPECT_EQ(mm_space_activate(&mm_kernel), 0);
    pv_irq_enable();
}

static void close_gate(void *unused)
{
    (void)unused;
    EXPECT_EQ(pv_write_idt_entry(HOSTILE_GATE, 0), 0);
}

/* The gate is closed on every CPU, because on some platforms each has a table of its own. */
void hostile_free(u32 cpu)
{
    struct stream *const s = &streams[cpu];

    user_left_hook = NULL;
    EXPECT_EQ(smp_call(cpu, close_gate, NULL), 0);
    if (!is_shared(s))
        EXPECT_EQ(mm_space_destroy(s->space), 0);
}

struct mm_space *hostile_space(u32 cpu)
{
    return streams[cpu].space;
}

/* Return the kernel's address of a byte of code, or NULL outside of code pages. */
static u8 *code_at(const struct stream *s, u64 va)
{
    for (u32 i = 0; i < CODE_PAGES; i++)
        if (va - layout[i].va < PAGE_SIZE)
            return s->pages[i] + (va - layout[i].va);
    return NULL;
}

/*
 * Write the case's code into its pages, or (clean) the breakpoints again. Bytes beyond the code
 * pages are skipped.
 */
static void write_code(const struct stream *s, const struct hostile_case *c, bool clean)
{
    for (u32 i = 0; i < c->code.length; i++) {
        u8 *const to = code_at(s, c->start + i);

        if (to)
            *to = clean ? INT3 : c->code.bytes[i];
    }
}

static void reset_fpu(bool whole)
{
    static const u8 clean[512] __aligned(16) = {[0] = 0x7f, [1] = 0x03, [24] = 0x80, [25] = 0x1f};
    const u32 mxcsr = MXCSR;

    if (whole)
        __asm__ volatile("fxrstor %0" : : "m"(clean));
    __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}

void hostile_refill(void)
{
    this_stream()->left_traces = true;
}

static void prepare_case(struct stream *s, const struct hostile_case *c)
{
    const bool first = c->number % HOSTILE_BLOCK == 0;

    if (first)
        hostile_fill(c->seed, c->number, s->data, s->stack);
    if (first || s->left_traces) {
        memcpy(s->pages[PAGE_DATA], s->data, PAGE_SIZE);
        memcpy(s->pages[PAGE_STACK], s->stack, PAGE_SIZE);
    }
    reset_fpu(first || s->left_traces);
    s->left_traces = c->code.is_volatile || c->code.is_far;
    if (c->frame.rsp == HOSTILE_SP)
        memcpy(s->pages[PAGE_STACK] + (HOSTILE_SP - HOSTILE_STACK), c->words, sizeof(c->words));
    write_code(s, c, false);
    reset_segments();
    pv_write_fs_base(c->fs_base);
    pv_write_user_gs_base(c->gs_base);
}

static void report_failure(const struct hostile_case *c, const struct hostile_outcome *o,
                           const char *what)
{
    if (__atomic_add_fetch(&hostile_failures, 1, __ATOMIC_RELAXED) > FAILURES_MAX)
        return;
    print("# hostile: seed=%llu case=%llu: %s\n", (unsigned long long)c->seed,
          (unsigned long long)c->number, what);
    hostile_print(c, o);
}

/*
 * Return the highest rip in a code segment (Intel SDM vol. 3, section 5.3): 64-bit code has no
 * limit.
 */
static u64 highest_rip(u64 cs)
{
    const u64 limit = (cs & 0xffff) | (cs >> 32 & 0xf0000);

    if (cs & DESCRIPTOR_LONG)
        return ~0ull;
    return cs & DESCRIPTOR_PAGES ? limit << PAGE_SHIFT | (PAGE_SIZE - 1) : limit;
}

/* A CPU refuses a rip beyond the segment's limit; QEMU does not look at limits. */
static bool may_be_refused(const struct trap_frame *frame)
{
    u64 error;

    return hostile_iret_refuses(frame, &error) || !IS_CANONICAL(frame->rip) ||
           frame->rip > highest_rip(hostile_descriptor((u16)frame->cs));
}

/* Return whether iret must refuse the frame and another exception was raised. */
static bool is_wrong_refusal(const struct trap_frame *entered, const struct trap_frame *seen)
{
    u64 error;
    const u32 vector = hostile_iret_refuses(entered, &error);

    return vector && (seen->vector != vector || seen->error != error);
}

/*
 * The upper halves of the registers that code of 32 or 16 bits has are undefined after it (Intel
 * SDM vol. 1, section 3.4.1.1).
 */
static bool registers_are_as_they_were(const struct hostile_case *c, const struct trap_frame *seen)
{
    union sandbox_regs to = {.frame = c->frame}, from = {.frame = *seen};

    if (!(hostile_descriptor((u16)c->frame.cs) & DESCRIPTOR_LONG)) {
        to.frame.rsp = (u32)to.frame.rsp;
        from.frame.rsp = (u32)from.frame.rsp;
        hostile_drop_upper_halves(&to);
        hostile_drop_upper_halves(&from);
    }

    for (u32 i = 0; i < 15; i++)
        if (to.words[i] != from.words[i])
            return false;
    return from.frame.rsp == to.frame.rsp;
}

static void check_kernel(const struct stream *s, const struct hostile_case *c,
                         const struct hostile_outcome *o)
{
    const struct trap_frame *const f = &o->frame;
    const bool is_exception = f->vector < 32 && f->vector != VECTOR_NMI && f->vector != VECTOR_DF;
    const bool is_call = f->vector >= VECTOR_SYSCALL && f->vector <= VECTOR_SYSENTER;

    if (!s->left_seen || s->left_area != pv_this_area())
        report_failure(c, o, "the kernel's %gs base was not in force");
    if (s->left_flags & must_be_clear)
        report_failure(c, o, "a flag of user mode's was set in the kernel");
    if (pv_save_fl() & PV_FLAG_IF)
        report_failure(c, o, "interrupts are enabled");
    if (!is_exception && !is_call && f->vector != HOSTILE_GATE)
        report_failure(c, o, "left by a vector that user mode must not reach");
    if (is_wrong_refusal(&c->frame, f))
        report_failure(c, o, "iret did not raise the exception that such a frame must");
    if (o->refused) {
        if (!may_be_refused(&c->frame))
            report_failure(c, o, "a frame was refused that is fine");
        return;
    }
    if (s->left_sp != o->stack)
        report_failure(c, o, "the kernel was not on the stack of load_sp0");
    if (f->rflags & RFLAGS_VM)
        return; /* an error of the emulator: cs and flags are not a user's */
    if ((f->cs & 3) != 3 ||
        (!hostile_flags_are_lost(c, o) && (!(f->rflags & RFLAGS_IF) || f->rflags & RFLAGS_IOPL)))
        report_failure(c, o, "user mode's cs or flags are not a user's");
    if (!s->changed_by_others && c->code.changes_none && c->frame.rip == c->start && !o->stopped &&
        !may_be_refused(&c->frame) && !registers_are_as_they_were(c, f))
        report_failure(c, o, "a register has changed on the way into the kernel");
}

void hostile_run(const struct hostile_case *c, struct hostile_outcome *o)
{
    struct stream *const s = this_stream();
    struct user_exit exit;

    prepare_case(s, c);
    s->stopped = false;
    s->number++;
    s->left_seen = false;
    *o = (struct hostile_outcome){.frame = c->frame};
    exit = user_run(&o->frame, c->entry);
    o->fault_address = exit.fault_address;
    o->refused = exit.refused;
    o->stopped = s->stopped;
    s->left_traces |= s->stopped;
    o->stack = exit.sp0;
    __asm__ volatile("movw %%ds, %0\n\tmovw %%es, %1\n\tmovw %%fs, %2\n\tmovw %%gs, %3"
                     : "=r"(o->ds), "=r"(o->es), "=r"(o->fs), "=r"(o->gs));
    write_code(s, c, true);
    check_kernel(s, c, o);
}
