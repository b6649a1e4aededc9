/* SPDX-License-Identifier: MIT */
/*
 * The last instructions before user mode and the first ones after it, one by one: what sysret and
 * iret are executed with, also where an emulator is more lenient than a CPU, and what happens on an
 * NMI there.
 */
#include "kernel/trap.h"
#include "lib/address_map.h"
#include "lib/string.h"
#include "mm/space.h"
#include "pv/native/native.h"
#include "pv/native/vectors.h"
#include "pv/x86.h"
#include "test/harness/cpus.h"
#include "test/harness/sandbox.h"
#include "test/harness/step.h"
#include "test/harness/test.h"

/* ---- sysret never gets a value that it cannot load ----------------------------------------- */

static struct {
    u32 sysrets, irets, wrong;
    u64 iopl; /* wanted for user mode */
} seen;

static bool is_code(u64 rip, const u8 *bytes, u32 length)
{
    return rip >= VIRT_BASE && !memcmp((const void *)rip, bytes, length);
}

/*
 * sysret would fault in ring 0, on the user's stack, for a non-canonical rip, and would step the
 * kernel for TF. Interrupts are disabled here, because %gs is already the user's.
 */
static void check_sysret(struct steps *steps, struct trap_frame *frame)
{
    static const u8 sysretq[] = {0x48, 0x0f, 0x07}, iretq[] = {0x48, 0xcf};
    const bool is_sysret = is_code(frame->rip, sysretq, sizeof(sysretq));

    if (is_sysret) {
        seen.sysrets++;
        seen.wrong += frame->rcx >> 47 != 0 || (frame->r11 & (RFLAGS_TF | RFLAGS_RF)) ||
                      (frame->r11 & RFLAGS_IOPL) != seen.iopl;
    }
    if (is_sysret || is_code(frame->rip, iretq, sizeof(iretq))) {
        seen.irets += !is_sysret;
        seen.wrong += (frame->rflags & RFLAGS_IF) != 0;
        steps->over = true;
    }
}

static void enter_user(void *arg)
{
    sandbox_run(*(enum user_entry *)arg);
}

static void step_to_user(u64 rip, u64 flags)
{
    enum user_entry entry = USER_BY_SYSRET;
    struct steps steps = {.between = check_sysret};

    sandbox_prepare(user_code_syscall);
    if (rip)
        sandbox.frame.rip = rip;
    sandbox.frame.rflags |= flags;
    step_through(&steps, enter_user, &entry);
}

TEST(entry, sysret_is_given_only_what_it_can_load, sysret, set_iopl)
{
    static const u64 rips[] = {0x800000000000,     0x7ffffffff000,     0x1000000000000,
                               0xffff800000000000, 0xffffffffffffffff, 0x8000000000000000};

    if (on_xen_pv())
        SKIP("a Xen PV guest does not execute sysret: Xen does");
    REQUIRE(sandbox_enter());
    memset(&seen, 0, sizeof(seen));
    step_to_user(0, 0);
    EXPECT_EQ(seen.sysrets, 1);
    for (u32 i = 0; i < ARRAY_SIZE(rips); i++)
        step_to_user(rips[i], 0);
    step_to_user(0, RFLAGS_TF);
    step_to_user(0, RFLAGS_RF);
    EXPECT_EQ(pv_set_iopl(0), 0);
    step_to_user(0, RFLAGS_IOPL);
    EXPECT_EQ(pv_set_iopl(3), 0);
    seen.iopl = RFLAGS_IOPL;
    step_to_user(0, 0);
    EXPECT_EQ(pv_set_iopl(0), 0);
    EXPECT(seen.irets >= ARRAY_SIZE(rips) - 1 + 2);
    EXPECT_EQ(seen.wrong, 0);
    sandbox_leave();
}

/* ---- A step after sysret is user mode's first instruction ---------------------------------- */

TEST(entry, single_step_traps_after_one_instruction, iret, sysret)
{
    REQUIRE(sandbox_enter());
    for (u32 way = 0; way < 2; way++) {
        sandbox_prepare(user_code_add);
        sandbox.frame.rflags |= RFLAGS_TF;
        sandbox_run(way ? USER_BY_SYSRET : USER_BY_IRET);
        EXPECT_EQ(sandbox.frame.vector, VECTOR_DB);
        EXPECT_EQ(sandbox.frame.rip, sandbox_address(user_code_add) + 4);
    }
    sandbox_leave();
}

/* ---- sysenter of 64-bit code --------------------------------------------------------------- */

/*
 * The frame has the lower halves of rip and rsp, because sysenter is a 32-bit convention of user
 * mode.
 */
TEST(entry, sysenter_of_64_bit_code_keeps_lower_halves, syscall_init)
{
    struct pv_features f;

    pv_cpu_features(&f);
    if (f.syscall32)
        SKIP("this CPU has no sysenter in 64-bit mode");
    REQUIRE(sandbox_enter());
    sandbox_prepare(user_code_sysenter64);
    sandbox.frame.rdx = 0xfedcba9800001234;
    sandbox.frame.rcx = 0x1111222200005678;
    sandbox_run(USER_BY_IRET);
    EXPECT_EQ(sandbox.frame.vector, VECTOR_SYSENTER);
    EXPECT_EQ(sandbox.frame.rip, 0x1234);
    EXPECT_EQ(sandbox.frame.rsp, 0x5678);
    sandbox_leave();
}

/* ---- Only a page fault has an address ------------------------------------------------------ */

TEST(entry, only_a_page_fault_has_a_fault_address, trap_init)
{
    REQUIRE(sandbox_enter());
    sandbox_prepare(user_code_read);
    sandbox.frame.rdi = 0x3008;
    sandbox_run(USER_BY_IRET);
    EXPECT_EQ(sandbox.frame.vector, VECTOR_PF);
    EXPECT_EQ(sandbox.exit.fault_address, 0x3008);
    sandbox_prepare(user_code_undefined);
    sandbox_run(USER_BY_IRET);
    EXPECT_EQ(sandbox.frame.vector, VECTOR_UD);
    EXPECT_EQ(sandbox.exit.fault_address, 0);
    sandbox_leave();
}

/* ---- The first and the last port ----------------------------------------------------------- */

static u64 vector_of_port(u32 port)
{
    sandbox_prepare(user_code_in);
    sandbox.frame.rdx = port;
    sandbox_run(USER_BY_IRET);
    return sandbox.frame.vector;
}

/* The bitmap covers all ports up to the last one, and opens none after its count. */
TEST(entry, io_bitmap_has_all_ports, set_io_bitmap)
{
    static const u32 ports[] = {0, 7, 8, 0x71, 65527, 65528, 65535};
    static u8 bitmap[8192];

    REQUIRE(sandbox_enter());
    for (u32 i = 0; i < ARRAY_SIZE(ports); i++) {
        memset(bitmap, 0xff, sizeof(bitmap));
        bitmap[ports[i] / 8] &= (u8) ~(1 << ports[i] % 8);
        EXPECT_EQ(pv_set_io_bitmap(bitmap, 65536), 0);
        EXPECT_EQ(vector_of_port(ports[i]), VECTOR_SYSCALL);
        EXPECT_EQ(vector_of_port(ports[i] ^ 1), VECTOR_GP);
    }
    EXPECT_EQ(pv_set_io_bitmap(NULL, 0), 0);
    sandbox_leave();
}

/* ---- NMIs at each instruction before user mode --------------------------------------------- */

static u32 nmis;

static bool count_nmi(struct trap_frame *frame)
{
    (void)frame;
    nmis++;
    return true;
}

static void send_nmi_here(struct steps *steps, struct trap_frame *frame)
{
    (void)frame;
    if (steps->count < 4000)
        EXPECT_EQ(pv_send_nmi(pv_this_cpu()), 0);
}

/*
 * The user's %gs bases share one half with the kernel's, so that a comparison of one half would
 * confuse them. An NMI at each step finds %gs both exchanged and not.
 */
TEST(entry, nmi_at_each_instruction_keeps_both_gs_bases, iret, sysret, send_nmi, write_user_gs_base)
{
    const u64 area = (u64)pv_this_area(), limit = pv_this_area()->stack_limit;
    const u64 bases[] = {0, SANDBOX_DATA, (u32)area, area & 0x00007fff00000000};

    REQUIRE(limit && sandbox_enter());
    nmi_hook = count_nmi;
    for (u32 i = 0; i < 2 * ARRAY_SIZE(bases); i++) {
        enum user_entry entry = i % 2 ? USER_BY_SYSRET : USER_BY_IRET;
        struct steps steps = {.between = send_nmi_here};

        nmis = 0;
        EXPECT_EQ(pv_write_user_gs_base(bases[i / 2]), 0);
        sandbox_prepare(user_code_syscall);
        sandbox.frame.rbx = 0x1234567;
        step_through(&steps, enter_user, &entry);
        EXPECT_EQ(sandbox.frame.vector, VECTOR_SYSCALL);
        EXPECT_EQ(sandbox.frame.rbx, 0x1234567);
        EXPECT_EQ((u64)pv_this_area(), area);
        EXPECT_EQ(pv_this_area()->stack_limit, limit);
        EXPECT_EQ(pv_read_user_gs_base(), bases[i / 2]);
        EXPECT(nmis > 10);
    }
    EXPECT_EQ(pv_write_user_gs_base(0), 0);
    nmi_hook = NULL;
    sandbox_leave();
}

/* ---- Vectors with IST stacks --------------------------------------------------------------- */

/*
 * The handlers of #DB, NMI, #DF and #MC find the kernel's %gs base at the top of their IST stack.
 * Each vector has a stack of its own on each CPU, because one of them can interrupt another.
 */
enum { IST_VECTORS = 4 };

static const u8 ist_vectors[IST_VECTORS] = {VECTOR_DB, VECTOR_NMI, VECTOR_DF, VECTOR_MC};
static u64 ist_frames[IST_VECTORS]; /* where the handlers' frames are */
static u32 ist_current;
static void (*end_of_block)(struct trap_handler *, struct trap_frame *, u64);

static void note_frame_and_end(struct trap_handler *handler, struct trap_frame *frame, u64 address)
{
    ist_frames[ist_current] = (u64)frame;
    end_of_block(handler, frame, address);
}

static bool note_nmi_frame(struct trap_frame *frame)
{
    WRITE_ONCE(ist_frames[ist_current], (u64)frame);
    return true;
}

static void raise_on_ist_stack(u32 which, struct fault *f)
{
    PV_TRY(*f)
    {
        end_of_block = f->handler.handle;
        f->handler.handle = note_frame_and_end;
        switch (which) {
        case VECTOR_DB:
            __asm__ volatile("int $1");
            break;
        case VECTOR_DF:
            __asm__ volatile("int $8");
            break;
        case VECTOR_MC:
            __asm__ volatile("int $18");
            break;
        }
    }
}

static void raise_nmi(void)
{
    nmi_hook = note_nmi_frame;
    EXPECT_EQ(pv_send_nmi(pv_this_cpu()), 0);
    SPIN_UNTIL(READ_ONCE(ist_frames[ist_current]));
    nmi_hook = NULL;
}

static void expect_ist_stacks(void *arg)
{
    struct pv_cpu_area *const area = pv_this_area();

    (void)arg;
    for (u32 i = 0; i < IST_VECTORS; i++) {
        struct fault f = {0};

        ist_current = i;
        ist_frames[i] = 0;
        if (ist_vectors[i] == VECTOR_NMI) {
            raise_nmi();
            continue;
        }
        pv_irq_disable();
        raise_on_ist_stack(ist_vectors[i], &f);
        pv_irq_enable();
        EXPECT(f.caught);
        EXPECT_EQ(f.vector, ist_vectors[i]);
        EXPECT(pv_this_area() == area);
    }
    for (u32 i = 0; i < IST_VECTORS; i++)
        for (u32 j = 0; j < i; j++)
            EXPECT(MAX(ist_frames[i], ist_frames[j]) - MIN(ist_frames[i], ist_frames[j]) >
                   PAGE_SIZE);
}

TEST(entry, every_ist_stack_has_the_kernels_gs_base, write_kernel_gs_base, trap_init)
{
    if (on_xen_pv())
        SKIP("a Xen PV guest has one stack, and its gates are Xen's");
    for_each_online_cpu (c)
        run_on_cpu(c->area.number, expect_ist_stacks, NULL);
}

/* ---- An interrupt that is delivered twice ---------------------------------------------------- */

/* Between the two swapgs %gs has the user's base, as at the edges of the kernel. */
#define INT_AT_AN_EDGE(vector) \
    __asm__ volatile("int %0; swapgs; int %0; swapgs" : : "i"(vector) : "memory")

static u64 interrupts_of(u32 cpu)
{
    return cpus[cpu].irqs.interrupts + cpus[cpu].irqs.timers;
}

/*
 * QEMU may deliver an interrupt twice that a hypervisor has injected (docs/facts.md). The second
 * time may be anywhere in the handler of the first, where interrupts are disabled.
 */
TEST(entry, interrupt_delivered_while_disabled_is_ignored, irq_disable, trap_init)
{
    u64 before, ignored;
    u32 cpu;

    if (on_xen_pv())
        SKIP("Xen delivers the interrupts of a PV guest");
    INTERRUPTS_OFF
    {
        cpu = pv_this_cpu();
        before = interrupts_of(cpu);
        ignored = native_ignored_interrupts;
        if (on_bare_metal())
            INT_AT_AN_EDGE(VECTOR_TIMER);
        else
            INT_AT_AN_EDGE(VECTOR_XEN_EVENT);
        EXPECT_EQ(interrupts_of(cpu), before);
        EXPECT(native_ignored_interrupts >= ignored + 2);
    }
    EXPECT_EQ(pv_save_fl() & PV_FLAG_IF, PV_FLAG_IF);
}
