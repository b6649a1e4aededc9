/* SPDX-License-Identifier: MIT */
/*
 * Races inside the kernel, each checked or provoked at every instruction of the code in question
 * (test/harness/step.h). Random races between several CPUs are in test/stress/smp_stress.c.
 */
#include "test/harness/cpus.h"
#include "test/harness/mm_util.h"
#include "test/harness/step.h"

/* ---- A space is in use until every CPU has left its root ----------------------------------- */

static struct mm_space space;
static u32 exposed; /* instructions at which mm_space_destroy would free a root in use */

static bool entering;

/*
 * If a CPU is not counted as a user of the space while the root is in its CR3, it would miss a
 * flush.
 */
static void check_users(struct steps *steps, struct trap_frame *frame)
{
    const bool in_use = pv_read_cr3().n == space.root.n;

    (void)steps, (void)frame;
    exposed += in_use && !READ_ONCE(space.users);
    exposed += in_use && entering && mm_space_current() != &space;
}

static void enter_and_leave_space(void *arg)
{
    (void)arg;
    entering = true;
    EXPECT_EQ(mm_space_activate(&space), 0);
    entering = false;
    EXPECT_EQ(mm_space_activate(&mm_kernel), 0);
}

TEST(race, space_is_in_use_while_its_root_is, write_cr3)
{
    struct steps steps = {.between = check_users};

    exposed = 0;
    REQUIRE(mm_space_create(&space) == 0);
    enter_and_leave_space(NULL);
    step_through(&steps, enter_and_leave_space, NULL);
    EXPECT(steps.count > 50);
    EXPECT_EQ(exposed, 0);
    EXPECT_EQ(mm_space_destroy(&space), 0);
}

/*
 * A thread that is being switched away from may run on another CPU as soon as its run queue is
 * unlocked, leave its space there and destroy it. By then this CPU must have left the root.
 */
static struct thread *visitor;
static bool switched, partner_over;

static void check_queue_lock(struct steps *steps, struct trap_frame *frame)
{
    const bool in_space = pv_read_cr3().n == space.root.n;

    (void)frame;
    if (this_thread() == visitor)
        return;
    switched = true;
    exposed += in_space && !spin_is_mine(&this_cpu()->queue_lock);
    steps->over = !in_space;
}

static void yield_once(void *arg)
{
    (void)arg;
    thread_yield();
}

/* Stay ready, so that there is a thread to switch to. */
static void keep_ready(void *arg)
{
    while (!READ_ONCE(*(bool *)arg))
        thread_yield();
}

static void switch_away(void *arg)
{
    EXPECT_EQ(mm_space_activate(&space), 0);
    WRITE_ONCE(visitor, this_thread());
    step_through(arg, yield_once, NULL);
}

TEST(race, thread_can_move_only_after_its_space_was_left, write_cr3, context_switch_start)
{
    struct steps steps = {.between = check_queue_lock};
    struct thread *t, *partner;

    exposed = 0;
    switched = partner_over = false;
    REQUIRE(mm_space_create(&space) == 0);
    partner = thread_start("partner", 0, keep_ready, &partner_over);
    REQUIRE(partner);
    t = thread_start("visitor", 0, switch_away, &steps);
    REQUIRE(t);
    thread_join(t);
    WRITE_ONCE(partner_over, true);
    thread_join(partner);
    EXPECT(switched);
    EXPECT_EQ(exposed, 0);
    EXPECT_EQ(mm_space_destroy(&space), 0);
}

/* ---- A page whose protection changes stays present ----------------------------------------- */

enum { PAGES = 3 };

static const u64 *first_slot;
static u32 absent;

static void check_pages_present(struct steps *steps, struct trap_frame *frame)
{
    (void)steps, (void)frame;
    for (u32 i = 0; i < PAGES; i++)
        absent += !(READ_ONCE(first_slot[i]) & PTE_PRESENT);
}

static void protect_and_unprotect(void *arg)
{
    (void)arg;
    EXPECT_EQ(mm_protect(&mm_kernel, TEST_VA, PAGES, 0), 0);
    EXPECT_EQ(mm_protect(&mm_kernel, TEST_VA, PAGES, MM_WRITE), 0);
}

static bool map_pages(void)
{
    if (!EXPECT_EQ(mm_map_new(&mm_kernel, TEST_VA, PAGES, MM_WRITE, FRAME_ZEROED, FRAME_KERNEL), 0))
        return false;
    first_slot = &mm_slot(&mm_kernel, TEST_VA, 1)->raw;
    return true;
}

TEST(race, page_stays_present_while_it_is_protected, ptep_modify_prot_start,
     ptep_modify_prot_commit)
{
    struct steps steps = {.between = check_pages_present};

    absent = 0;
    REQUIRE(map_pages());
    step_through(&steps, protect_and_unprotect, NULL);
    EXPECT(steps.count > 100);
    EXPECT_EQ(absent, 0);
    mm_unmap_free(&mm_kernel, TEST_VA, PAGES);
}

struct page_reader {
    u64 reads, faults;
    bool over;
};

static void read_page(void *arg)
{
    struct page_reader *r = arg;

    while (!READ_ONCE(r->over)) {
        struct fault fault;
        u64 value;

        r->faults += !try_read(TEST_VA, &value, &fault);
        r->reads++;
    }
}

SOAK_TEST(race, other_cpu_reads_a_page_while_it_is_protected, ptep_modify_prot_start,
          ptep_modify_prot_commit)
{
    struct stress stress = {.normal = 1000};
    struct page_reader reader = {0};
    struct thread *t;

    NEEDS_CPUS(2);
    REQUIRE(map_pages());
    t = thread_start("reader", 1, read_page, &reader);
    REQUIRE(t);
    while (stress_continues(&stress))
        protect_and_unprotect(NULL);
    WRITE_ONCE(reader.over, true);
    thread_join(t);
    EXPECT_EQ(reader.faults, 0);
    print("# %u changes of protection, %llu reads\n", 2 * stress.done,
          (unsigned long long)reader.reads);
    mm_unmap_free(&mm_kernel, TEST_VA, PAGES);
}

/* ---- The owner of a timer may stop it while another CPU migrates it ------------------------ */

static struct cpu gone; /* only the fields that timers_take_over uses */
static struct timer taken_over[2];

static struct {
    struct timer timer;
    u32 act_at; /* the step at which the owner stops it */
    bool acted, stopped;
} owned;

static void never_fires(struct timer *timer)
{
    (void)timer;
    EXPECT(!"a timer fires an hour early");
}

static void queue_on_gone(struct timer *timer)
{
    timer->deadline = pv_clock_ns() + 3600 * NS_PER_S;
    timer->fire = never_fires;
    timer->queued = &gone;
    timer->next = gone.timers;
    gone.timers = timer;
}

/*
 * Wait for an instruction at which no list of timers is locked: then the owner stops the timer, and
 * its memory is reused.
 */
static void stop_owned(struct steps *steps, struct trap_frame *frame)
{
    (void)frame;
    if (owned.acted || steps->count < owned.act_at || !step_may_lock(&gone.timer_lock) ||
        !step_may_lock(&this_cpu()->timer_lock))
        return;
    owned.acted = true;
    owned.act_at = steps->count;
    owned.stopped = timer_stop(&owned.timer);
    memset(&owned.timer, 0, sizeof(owned.timer));
    owned.timer.fire = never_fires;
    steps->over = true;
}

static void migrate_timers(void *arg)
{
    (void)arg;
    timers_take_over(&gone);
}

static bool is_queued_here(const struct timer *timer)
{
    struct cpu *c = this_cpu();
    const u64 flags = spin_lock_irqsave(&c->timer_lock);
    const struct timer *at = c->timers;

    while (at && at != timer)
        at = at->next;
    spin_unlock_irqrestore(&c->timer_lock, flags);
    return at;
}

/* Return false if no instruction is left at which the owner could stop the timer. */
static bool migrate_timers_once(void)
{
    struct steps steps = {.between = stop_owned};

    owned.acted = false;
    gone.timers = NULL;
    gone.timer_lock.name = "test timers";
    queue_on_gone(&taken_over[0]);
    queue_on_gone(&owned.timer);
    queue_on_gone(&taken_over[1]);
    step_through(&steps, migrate_timers, NULL);
    EXPECT(!gone.timers);
    EXPECT(timer_stop(&taken_over[0]));
    EXPECT(timer_stop(&taken_over[1]));
    if (owned.acted && EXPECT(owned.stopped))
        return EXPECT(!is_queued_here(&owned.timer));
    EXPECT(owned.acted || timer_stop(&owned.timer));
    return false;
}

TEST(race, timer_is_stopped_at_each_instruction_of_its_migration)
{
    u32 times = 0;

    NEEDS_BARE_OPS;
    owned.act_at = 0;
    while (migrate_timers_once()) {
        owned.act_at++;
        times++;
    }
    EXPECT(times > 10);
    print("# stopped at each of %u instructions\n", times);
    kernel_timers_rearm();
}

static bool fired_here;

static void fire_here(struct timer *timer)
{
    (void)timer;
    WRITE_ONCE(fired_here, true);
}

/*
 * No other timer of this CPU is armed in the meantime. A slice's timer ends with the CPU whose
 * thread it was for.
 */
TEST(race, migrated_timers_fire_and_a_slice_does_not, timer_set)
{
    WRITE_ONCE(fired_here, false);
    gone.timers = NULL;
    gone.timer_lock.name = "test timers";
    queue_on_gone(&gone.slice);
    queue_on_gone(&taken_over[0]);
    taken_over[0].deadline = pv_clock_ns() + 20 * NS_PER_MS;
    taken_over[0].fire = fire_here;
    timers_take_over(&gone);
    EXPECT(!gone.timers);
    EXPECT(!gone.slice.queued);
    EXPECT(!is_queued_here(&gone.slice));
    EXPECT(SPIN_UNTIL(READ_ONCE(fired_here)));
    timer_stop(&taken_over[0]);
}

/* ---- A CPU that waits for a call halts with interrupts disabled until then ----------------- */

static struct call call;
static struct timer call_timer;
static u32 open_to_interrupts;
static bool halted;

static void end_call(struct timer *timer)
{
    (void)timer;
    __atomic_store_n(&call.state, CALL_DONE, __ATOMIC_SEQ_CST);
}

/*
 * An interrupt that is delivered here would end the wait before the halt, and the halt would then
 * not end. Stepping ends at the halt, which may return for any reason. The interrupt that ends the
 * wait is sent only then, because a slow machine takes seconds for the steps.
 */
static void check_waiter(struct steps *steps, struct trap_frame *frame)
{
    if (READ_ONCE(call.state) != CALL_WAITED)
        return;
    open_to_interrupts += (frame->rflags & PV_FLAG_IF) != 0;
    if (frame->rip != (u64)pv_ops.flag.safe_halt)
        return;
    halted = steps->over = true;
    timer_start(&call_timer, pv_clock_ns() + NS_PER_MS, end_call);
}

static void wait_for_call(void *arg)
{
    (void)arg;
    smp_call_wait(&call);
}

TEST(race, waiter_enables_interrupts_by_the_halt_only, safe_halt)
{
    struct steps steps = {.between = check_waiter};
    struct timer limit = {0};

    call = (struct call){.state = CALL_PENDING};
    open_to_interrupts = 0;
    halted = false;
    timer_start(&limit, pv_clock_ns() + 100 * NS_PER_S, end_call);
    step_through(&steps, wait_for_call, NULL);
    timer_stop(&limit);
    EXPECT(halted);
    EXPECT_EQ(open_to_interrupts, 0);
}

/* ---- A CPU that goes offline waits for CPUs that are about to call it ---------------------- */

enum { CALLER = 1, LEAVER = 2, PATIENCE_NS = 5 * NS_PER_MS };

static struct {
    u32 hold_at;     /* the step at which the caller is held, or ~0 */
    u32 first, last; /* steps at which the caller is counted and its call is not yet queued */
    bool held;
    bool left; /* the CPU was offline while it had a caller */
} going_down;

static void count_here(void *arg)
{
    ++*(u32 *)arg;
}

/*
 * Hold the caller until the other CPU has started to leave, and some more: that CPU must still be
 * up then.
 */
static void hold_caller(void)
{
    WRITE_ONCE(going_down.held, true);
    SPIN_UNTIL(!smp_is_online(LEAVER));
    spin(PATIENCE_NS);
    going_down.left = smp_is_online(LEAVER) || !pv_cpu_is_up(LEAVER);
}

static void check_caller(struct steps *steps, struct trap_frame *frame)
{
    (void)frame;
    if (!READ_ONCE(cpus[LEAVER].callers) || READ_ONCE(call.state) != CALL_PENDING)
        return;
    if (steps->count == going_down.hold_at)
        hold_caller();
    if (READ_ONCE(cpus[LEAVER].calls))
        return;
    if (!going_down.first)
        going_down.first = steps->count;
    going_down.last = steps->count;
}

static void call_leaver(void *arg)
{
    (void)arg;
    EXPECT_EQ(smp_call_async(LEAVER, &call), 0);
}

static void step_caller(void *arg)
{
    struct steps steps = {.between = check_caller};
    u32 *const called = arg;

    call = (struct call){.fn = count_here, .arg = called, .state = CALL_DONE};
    step_through(&steps, call_leaver, NULL);
    smp_call_wait(&call);
}

TEST(race, leaving_cpu_runs_what_a_slow_caller_adds, cpu_leave, cpu_down)
{
    struct thread *t;
    u32 called = 0;

    NEEDS_CPUS(3);
    going_down.hold_at = ~0u;
    going_down.first = going_down.left = going_down.held = 0;
    t = thread_start("caller", CALLER, step_caller, &called);
    REQUIRE(t);
    thread_join(t);
    REQUIRE(called == 1 && going_down.first);
    going_down.hold_at = going_down.last; /* the next instruction queues the call */
    t = thread_start("caller", CALLER, step_caller, &called);
    REQUIRE(t);
    while (!READ_ONCE(going_down.held))
        thread_yield();
    EXPECT_EQ(smp_down(LEAVER), 0);
    thread_join(t);
    EXPECT(!going_down.left);
    EXPECT_EQ(called, 2);
    EXPECT_EQ(smp_up(LEAVER), 0);
}
