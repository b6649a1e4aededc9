/* SPDX-License-Identifier: MIT */
/*
 * Races of the ops, provoked at each instruction (test/harness/step.h): the test does there what an
 * interrupt, another CPU or the hardware could do.
 */
#include "kernel/irq.h"
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"
#include "test/harness/step.h"

/* ---- Entries, and the bits that the hardware sets in them ---------------------------------- */

/* A page that is written through its mapping at one instruction of the op. */
static struct {
    pfn_t frame;
    pte_t *slot;
    pte_t result; /* the entry that the op returned, or wrote */
    bool written;
    u32 lost;
} page;

static void make_page_clean(void)
{
    const u64 value = pte_value(page.frame, PTE_PRESENT | PTE_WRITE | nx_bit());

    INTERRUPTS_OFF
    {
        pv_set_pte(page.slot, pv_make_pte(value));
        pv_flush_tlb_one(TEST_VA);
    }
    page.written = false;
}

static void write_page(struct trap_frame *frame)
{
    struct fault fault = {0};

    (void)frame;
    page.written = try_write(TEST_VA, 1, &fault);
}

/* If the write succeeded, the op must report the page as dirty. */
static void look_for_dirty(void)
{
    page.lost += page.written && !(pv_pte_val(page.result) & PTE_DIRTY);
    INTERRUPTS_OFF
    pv_flush_tlb_one(TEST_VA);
}

static void write_at_each_instruction(void (*run)(void *arg))
{
    struct race race = {
        .prepare = make_page_clean, .run = run, .act = write_page, .check = look_for_dirty};

    page.frame = marked_frame(1);
    page.lost = 0;
    REQUIRE(page.frame.n != NO_PFN);
    REQUIRE(mm_map(&mm_kernel, TEST_VA, page.frame, 1, MM_WRITE) == 0);
    page.slot = &mm_slot(&mm_kernel, TEST_VA, 1)->pte;
    step_act_at_each(&race, 5);
    EXPECT_EQ(page.lost, 0);
    make_page_clean();
    EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA, 1), 0);
    frame_free(page.frame, 0);
}

static void get_and_clear(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    page.result = pv_ptep_get_and_clear(page.slot);
}

SOAK_TEST(race, page_is_written_at_each_instruction_of_get_and_clear, ptep_get_and_clear)
{
    NEEDS_BARE_OPS;
    write_at_each_instruction(get_and_clear);
}

/* In a lazy section, which delays changes, the op still returns what the hardware has noted. */
static void get_and_clear_lazily(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    {
        pv_lazy_enter();
        page.result = pv_ptep_get_and_clear(page.slot);
        pv_lazy_leave();
    }
}

SOAK_TEST(race, page_is_written_at_each_instruction_of_a_lazy_get_and_clear, ptep_get_and_clear,
          lazy_enter)
{
    NEEDS_BARE_OPS;
    write_at_each_instruction(get_and_clear_lazily);
}

static void protect(void *arg)
{
    const pte_t changed = pv_make_pte(pte_value(page.frame, PTE_PRESENT | nx_bit()));

    (void)arg;
    INTERRUPTS_OFF
    pv_ptep_modify_prot_commit(page.slot, pv_ptep_modify_prot_start(page.slot), changed);
    page.result.raw = READ_ONCE(page.slot->raw);
}

SOAK_TEST(race, page_is_written_at_each_instruction_of_a_change, ptep_modify_prot_start,
          ptep_modify_prot_commit)
{
    NEEDS_BARE_OPS;
    write_at_each_instruction(protect);
}

/* ---- IPIs ---------------------------------------------------------------------------------- */

static struct {
    u32 here, there; /* IPIs received */
    u32 sent;        /* by act to this CPU */
} ipis;

static void count_ipi(void)
{
    __atomic_fetch_add(pv_this_cpu() ? &ipis.there : &ipis.here, 1, __ATOMIC_SEQ_CST);
}

static void expect_ipis(u32 here, u32 there)
{
    SPIN_UNTIL(READ_ONCE(ipis.here) >= here && READ_ONCE(ipis.there) >= there);
    EXPECT_EQ(READ_ONCE(ipis.here), here);
    EXPECT_EQ(READ_ONCE(ipis.there), there);
}

static void clear_ipis(void)
{
    ipis.here = ipis.there = ipis.sent = 0;
}

/* Send an IPI as an interrupt handler would, where an interrupt can be delivered. */
static void send_from_handler(struct trap_frame *frame)
{
    if (frame->rflags & PV_FLAG_IF)
        ipis.sent += !pv_send_ipi(0, PV_IPI_STOP);
}

static void send_to_other(void *arg)
{
    (void)arg;
    EXPECT_EQ(pv_send_ipi(1, PV_IPI_STOP), 0);
}

static void expect_both(void)
{
    expect_ipis(ipis.sent, 1);
}

SOAK_TEST(race, ipi_is_sent_at_each_instruction_of_another, send_ipi)
{
    struct race race = {.prepare = clear_ipis,
                        .run = send_to_other,
                        .act = send_from_handler,
                        .check = expect_both};

    NEEDS_BARE_OPS;
    NEEDS_CPUS(2);
    irq_set_ipi_handler(PV_IPI_STOP, count_ipi);
    step_act_at_each(&race, 10);
    irq_set_ipi_handler(PV_IPI_STOP, NULL);
}

/* ---- A shoot-down is done when flush_tlb_others returns ------------------------------------ */

/* Time in which the other CPU observes a change of this one, also if both share a physical CPU. */
enum { REQUESTER = 1, PATIENCE_NS = 10 * NS_PER_MS, DELAY_NS = 5 * NS_PER_MS };

/* Guarded by: each field is written by one CPU while the other waits for it. */
static struct {
    pfn_t old, new;
    pte_t *slot;
    bool requested, acknowledged; /* REQUESTER has called flush_tlb_others; the call has returned */
    u32 stale;
} shoot;

static void count_stale(void)
{
    shoot.stale += *(volatile u64 *)TEST_VA != 2;
}

/*
 * REQUESTER requests a flush while this CPU waits for one itself. At each instruction REQUESTER has
 * time to see that its request was acknowledged; from then on this CPU must read the new page.
 */
static void check_acknowledged(struct steps *steps, struct trap_frame *frame)
{
    (void)frame;
    spin(PATIENCE_NS);
    if (!READ_ONCE(shoot.acknowledged))
        return;
    count_stale();
    steps->over = true;
}

static void flush_requester(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    EXPECT_EQ(pv_flush_tlb_others(1ull << REQUESTER, TEST_VA + PAGE_SIZE), 0);
}

static void change_and_flush(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    {
        pv_set_pte(shoot.slot, pv_make_pte(pte_value(shoot.new, PTE_PRESENT | nx_bit())));
        WRITE_ONCE(shoot.requested, true);
        EXPECT_EQ(pv_flush_tlb_others(1ull << 0, TEST_VA), 0);
        WRITE_ONCE(shoot.acknowledged, true);
    }
}

static bool shoot_begin(void)
{
    shoot.old = marked_frame(1);
    shoot.new = marked_frame(2);
    shoot.stale = 0;
    if (!EXPECT(shoot.old.n != NO_PFN && shoot.new.n != NO_PFN) ||
        !EXPECT_EQ(mm_map(&mm_kernel, TEST_VA, shoot.old, 1, 0), 0))
        return false;
    shoot.slot = &mm_slot(&mm_kernel, TEST_VA, 1)->pte;
    return true;
}

static void shoot_end(void)
{
    EXPECT_EQ(mm_unmap(&mm_kernel, TEST_VA, 1), 0);
    frame_free(shoot.old, 0);
    frame_free(shoot.new, 0);
}

static void cache_old_page(void)
{
    shoot.requested = shoot.acknowledged = false;
    INTERRUPTS_OFF
    {
        pv_set_pte(shoot.slot, pv_make_pte(pte_value(shoot.old, PTE_PRESENT | nx_bit())));
        pv_flush_tlb_one(TEST_VA);
    }
    EXPECT_EQ(*(volatile u64 *)TEST_VA, 1);
}

/* Let REQUESTER change the page that this CPU has cached, and request a flush. */
static struct thread *start_requester(void)
{
    struct thread *t;

    cache_old_page();
    pv_irq_disable();
    t = thread_start("requester", REQUESTER, change_and_flush, NULL);
    while (t && !READ_ONCE(shoot.requested))
        __builtin_ia32_pause();
    spin(PATIENCE_NS);
    return t;
}

TEST(race, no_stale_translation_is_used_after_an_acknowledged_flush, flush_tlb_others)
{
    struct steps steps = {.between = check_acknowledged};
    struct thread *t;

    NEEDS_CPUS(2);
    NEEDS_BARE_OPS;
    REQUIRE(shoot_begin());
    t = start_requester();
    step_through(&steps, flush_requester, NULL);
    pv_irq_enable();
    if (EXPECT(t))
        thread_join(t);
    EXPECT_EQ(shoot.stale, 0);
    EXPECT_EQ(*(volatile u64 *)TEST_VA, 2);
    shoot_end();
}

/*
 * The roles exchanged: the requester is slow, and this CPU serves requests all the time, because it
 * waits to send its own. It starts at each instruction of the requester's.
 */
static struct {
    u32 start_at; /* step of the requester */
    bool started; /* the requester has reached that step, or has ended */
    bool acted;
} slow;

static void delay_requester(struct steps *steps, struct trap_frame *frame)
{
    (void)frame;
    if (steps->count < slow.start_at)
        return;
    slow.acted = true;
    WRITE_ONCE(slow.started, true);
    spin(DELAY_NS);
    steps->over = steps->count == slow.start_at + 3;
}

static void step_requester(void *arg)
{
    struct steps steps = {.between = delay_requester};

    pv_irq_disable();
    step_through(&steps, change_and_flush, arg);
    pv_irq_enable();
    WRITE_ONCE(slow.started, true);
}

static void request_slowly(void)
{
    struct thread *t;

    cache_old_page();
    slow.started = slow.acted = false;
    t = thread_start("requester", REQUESTER, step_requester, NULL);
    REQUIRE(t);
    while (!READ_ONCE(slow.started))
        __builtin_ia32_pause();
    flush_requester(NULL);
    while (!READ_ONCE(shoot.acknowledged))
        __builtin_ia32_pause();
    EXPECT_EQ(*(volatile u64 *)TEST_VA, 2); /* before a switch of threads flushes the TLB */
    thread_join(t);
}

SOAK_TEST(race, slow_requester_gets_the_flush_that_it_requested, flush_tlb_others)
{
    struct stress stress = {.normal = 1000};

    NEEDS_CPUS(2);
    REQUIRE(shoot_begin());
    slow.start_at = 0;
    slow.acted = true;
    while (slow.acted && stress_continues(&stress)) {
        request_slowly();
        slow.start_at++;
    }
    print("# requested at each of %u instructions\n", slow.start_at);
    shoot_end();
}
