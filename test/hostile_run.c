/* See test/hostile.h: runs a case in a space of its own, and looks at the kernel when it is back.
 */
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "lib/string.h"
#include "mm/space.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/hostile.h"
#include "test/test.h"

#define INT3         0xcc /* what all code pages are filled with: wherever a case goes, it ends */
#define TICK_NS      NS_PER_MS
#define TICKS_MAX    25 /* in one case: then it is taken for endless */
#define FAILURES_MAX 10 /* are printed */
#define MXCSR        0x1f80

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

/* Accessed already, so that no CPU writes to the table. Limits and bases that matter, and absent
 * ones. */
static const u64 tls[3] = {
    0x0040f3600000007f, /* data: HOSTILE_DATA, 128 bytes */
    0x0040fb4000000fff, /* 32-bit code: HOSTILE_CODE, a page */
    0x000ffb000000ffff, /* 16-bit code: 0, 1 MiB */
};
static u64 ldt[GDT_MAX_COUNT] __aligned(PAGE_SIZE) = {
    DESCRIPTOR_USER_CODE64, DESCRIPTOR_USER_CODE32,
    DESCRIPTOR_USER_DATA,   0x00cf7b000000ffff, /* code that is absent */
    0x00c0f70000000010,                         /* data that expands down */
    0x00cff9000000ffff,                         /* code that cannot be read */
    0x008ffb000000ffff,                         /* 16-bit code */
    0x00cff1000000ffff,                         /* data that cannot be written */
};

static struct mm_space space;
static u8 *pages[NR_PAGES]; /* the kernel's view */
static struct timer tick_timer;
static u64 must_be_clear;

/* Of the case that runs: for the tick. */
static struct {
    u64 number, seen; /* counted from 1 */
    u32 ticks;
    bool stopped;
} running;

/* What the upcall that ended it saw. */
static struct {
    u64 flags, sp;
    const struct pv_cpu_area *area;
    bool seen;
} left;

u64 hostile_failures;

static bool map_pages(void)
{
    struct mm_mapping m;

    for (u32 i = 0; i < NR_PAGES; i++) {
        if (mm_populate(&space, layout[i].va, 1, layout[i].prot) ||
            !mm_query(&space, layout[i].va, &m))
            return false;
        pages[i] = pfn_to_va(m.pfn);
    }
    return true;
}

static void clean_code(void)
{
    for (u32 i = 0; i < CODE_PAGES; i++)
        memset(pages[i], INT3, PAGE_SIZE);
}

/* Sees the same case again and again: its code becomes breakpoints. */
static void tick(struct timer *timer)
{
    if (running.seen != running.number)
        running.ticks = 0;
    running.seen = running.number;
    if (irq_frame() && from_user(irq_frame()) && ++running.ticks >= TICKS_MAX) {
        running.stopped = true;
        clean_code();
    }
    timer_start(timer, pv_clock_ns() + TICK_NS, tick);
}

static void note_left(const struct trap_frame *frame)
{
    left.flags = __builtin_ia32_readeflags_u64();
    left.area = pv_this_area();
    left.sp = (u64)(frame + 1);
    left.seen = true;
}

bool hostile_begin(void)
{
    const bool on_xen_pv = !strcmp(pv_backend_name(), "xen-pv");
    struct pv_features f;

    pv_cpu_features(&f);
    must_be_clear = RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | (f.smap || on_xen_pv ? RFLAGS_AC : 0);
    pv_irq_disable();
    if (!EXPECT(mm_space_create(&space) == 0))
        return false;
    if (!EXPECT(map_pages()) || !EXPECT(mm_space_activate(&space) == 0)) {
        mm_space_destroy(&space);
        return false;
    }
    clean_code();
    EXPECT_EQ(pv_load_tls(tls), 0);
    EXPECT_EQ(pv_load_ldt(ldt, 8), 0);
    EXPECT_EQ(pv_write_idt_entry(HOSTILE_GATE, 3), 0);
    user_left_hook = note_left;
    timer_start(&tick_timer, pv_clock_ns() + TICK_NS, tick);
    return true;
}

/* %fs, %gs and the data segments are left null, and their bases 0. */
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

    timer_stop(&tick_timer);
    user_left_hook = NULL;
    reset_segments();
    EXPECT_EQ(pv_write_idt_entry(HOSTILE_GATE, 0), 0);
    EXPECT_EQ(pv_load_ldt(NULL, 0), 0);
    EXPECT_EQ(pv_load_tls(none), 0);
    EXPECT_EQ(pv_write_fs_base(this_thread()->fs_base), 0);
    EXPECT_EQ(pv_write_user_gs_base(0), 0);
    EXPECT_EQ(mm_space_activate(&mm_kernel), 0);
    EXPECT_EQ(mm_space_destroy(&space), 0);
    pv_irq_enable();
}

/* The kernel's view of a byte of code; NULL where no code page is. */
static u8 *code_at(u64 va)
{
    for (u32 i = 0; i < CODE_PAGES; i++)
        if (va - layout[i].va < PAGE_SIZE)
            return pages[i] + (va - layout[i].va);
    return NULL;
}

/* clean: as it was before, else the case's. What would lie beyond the code pages is left out. */
static void put_code(const struct hostile_case *c, bool clean)
{
    for (u32 i = 0; i < c->code.length; i++) {
        u8 *const to = code_at(c->start + i);

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

/* The case before may have left in memory or in the FPU what is not the same everywhere. */
static bool left_traces;

static void prepare(const struct hostile_case *c)
{
    static u64 data[PAGE_SIZE / 8], stack[PAGE_SIZE / 8]; /* as the block has them first */
    const bool first = c->number % HOSTILE_BLOCK == 0;

    if (first)
        hostile_fill(c->seed, c->number, data, stack);
    if (first || left_traces) {
        memcpy(pages[PAGE_DATA], data, PAGE_SIZE);
        memcpy(pages[PAGE_STACK], stack, PAGE_SIZE);
    }
    reset_fpu(first || left_traces);
    left_traces = c->code.is_volatile || c->code.is_far;
    if (c->frame.rsp == HOSTILE_SP)
        memcpy(pages[PAGE_STACK] + (HOSTILE_SP - HOSTILE_STACK), c->words, sizeof(c->words));
    put_code(c, false);
    reset_segments();
    pv_write_fs_base(c->fs_base);
    pv_write_user_gs_base(c->gs_base);
}

static void fail(const struct hostile_case *c, const struct hostile_outcome *o, const char *what)
{
    if (++hostile_failures > FAILURES_MAX)
        return;
    print("# hostile: seed=%llu case=%llu: %s\n", (unsigned long long)c->seed,
          (unsigned long long)c->number, what);
    hostile_print(c, o);
}

static bool may_be_refused(const struct trap_frame *frame, bool is_32bit)
{
    return frame->cs != (is_32bit ? USER_CS32 : USER_CS) || frame->ss != USER_DS ||
           !IS_CANONICAL(frame->rip) || (is_32bit && frame->rip >> 32);
}

/*
 * The upper halves of the registers that 32-bit code has are undefined after it (Intel SDM vol. 1,
 * section 3.4.1.1).
 */
static bool registers_are_as_they_were(const struct hostile_case *c, const struct trap_frame *seen)
{
    union sandbox_regs to = {.frame = c->frame}, from = {.frame = *seen};

    if (c->is_32bit) {
        hostile_drop_upper_halves(&to);
        hostile_drop_upper_halves(&from);
    }

    for (u32 i = 0; i < 15; i++)
        if (to.words[i] != from.words[i])
            return false;
    return seen->rsp == c->frame.rsp;
}

static void check(const struct hostile_case *c, const struct hostile_outcome *o)
{
    const struct trap_frame *const f = &o->frame;
    const bool is_exception = f->vector < 32 && f->vector != VECTOR_NMI && f->vector != VECTOR_DF;
    const bool is_call = f->vector >= VECTOR_SYSCALL && f->vector <= VECTOR_SYSENTER;

    if (!left.seen || left.area != pv_this_area())
        fail(c, o, "the kernel's %gs base was not in force");
    if (left.flags & must_be_clear)
        fail(c, o, "a flag of user mode's was set in the kernel");
    if (pv_save_fl() & PV_FLAG_IF)
        fail(c, o, "interrupts are enabled");
    if (!is_exception && !is_call && f->vector != HOSTILE_GATE)
        fail(c, o, "left by a vector that user mode must not reach");
    if (o->refused) {
        if (!may_be_refused(&c->frame, c->is_32bit))
            fail(c, o, "a frame was refused that is fine");
        return;
    }
    if (left.sp != o->stack)
        fail(c, o, "the kernel was not on the stack of load_sp0");
    if (f->rflags & RFLAGS_VM)
        return; /* the emulator's: its cs and flags are not a user's */
    if ((f->cs & 3) != 3 || !(f->rflags & RFLAGS_IF) || f->rflags & RFLAGS_IOPL)
        fail(c, o, "user mode's cs or flags are not a user's");
    if (c->code.changes_none && c->frame.rip == c->start && !o->stopped &&
        !may_be_refused(&c->frame, c->is_32bit) && !registers_are_as_they_were(c, f))
        fail(c, o, "a register has changed on the way into the kernel");
}

void hostile_run(const struct hostile_case *c, struct hostile_outcome *o)
{
    struct user_exit exit;

    prepare(c);
    running.stopped = false;
    running.number++;
    left.seen = false;
    *o = (struct hostile_outcome){.frame = c->frame};
    exit = user_run(&o->frame, c->entry);
    o->fault_address = exit.fault_address;
    o->refused = exit.refused;
    o->stopped = running.stopped;
    left_traces |= running.stopped;
    o->stack = exit.sp0;
    __asm__ volatile("movw %%ds, %0\n\tmovw %%es, %1\n\tmovw %%fs, %2\n\tmovw %%gs, %3"
                     : "=r"(o->ds), "=r"(o->es), "=r"(o->fs), "=r"(o->gs));
    put_code(c, true);
    check(c, o);
}
