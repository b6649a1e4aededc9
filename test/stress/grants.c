/* SPDX-License-Identifier: MIT */
/*
 * Grants while several CPUs use the table, and a domain that begins to use a grant at each
 * instruction of its end.
 */
#include "test/harness/cpus.h"
#include "test/harness/grants.h"
#include "test/harness/step.h"

enum {
    HELD = 700, /* grants that a CPU holds at once: more than a frame of the table has */
    REFS = 20000,
};

/* Which CPU, plus one, holds each reference. */
static u8 holders[REFS];

static struct granter {
    u32 refs[HELD];
    pfn_t frame, to;
    u32 twice, lost, wrong, refused;
} granters[STRESS_CPUS];

static u8 holder_swap(u32 ref, u8 holder)
{
    return ref < REFS ? __atomic_exchange_n(&holders[ref], holder, __ATOMIC_SEQ_CST) : 0xff;
}

static void grant_many(struct granter *g, u8 me)
{
    for (u32 i = 0; i < HELD; i++) {
        const int ref = pv_grant_access(PV_DOMAIN_SELF, g->frame, PV_GRANT_READ);

        g->refs[i] = (u32)ref;
        g->twice += holder_swap((u32)ref, me) != 0;
    }
}

/* Reach the frame by some of the references: an entry that another CPU overwrote shows its mark. */
static void copy_some(struct granter *g, u64 mark)
{
    struct pv_grant_copy copy = {
        .from = {.is_grant = true, .domain = PV_DOMAIN_SELF},
        .to = {.pfn = g->to},
        .len = sizeof(u64),
    };

    for (u32 i = 0; i < HELD; i += 50) {
        copy.from.ref = g->refs[i];
        *frame_word(g->to) = 0;
        g->wrong += pv_grant_copy(&copy, 1) != 1 || *frame_word(g->to) != mark;
    }
}

static void end_many(struct granter *g, u8 me)
{
    for (u32 i = 0; i < HELD; i++) {
        g->lost += holder_swap(g->refs[i], 0) != me;
        g->refused += pv_grant_end(g->refs[i]) != 0;
    }
}

static void grant_and_end(void *arg)
{
    struct stress stress = {.normal = 3};
    struct granter *g = arg;
    const u8 me = (u8)(pv_this_cpu() + 1);

    g->frame = marked_frame(1000 + me);
    g->to = marked_frame(0);
    REQUIRE(g->frame.n != NO_PFN && g->to.n != NO_PFN);
    while (stress_continues(&stress)) {
        grant_many(g, me);
        copy_some(g, 1000 + me);
        end_many(g, me);
    }
    frame_free(g->frame, 0);
    frame_free(g->to, 0);
}

SOAK_TEST(grant, cpus_that_grant_at_once_share_no_reference, grant_access, grant_end, grant_copy)
{
    struct workers workers;

    NEEDS_GRANTS;
    NEEDS_CPUS(2);
    memset(granters, 0, sizeof(granters));
    memset(holders, 0, sizeof(holders));
    workers_start(&workers, 0, stress_cpus(), grant_and_end, granters, sizeof(granters[0]));
    workers_join(&workers);
    for (u32 i = 0; i < workers.count; i++) {
        EXPECT_EQ(granters[i].twice, 0);
        EXPECT_EQ(granters[i].wrong, 0);
        EXPECT_EQ(granters[i].lost, 0);
        EXPECT_EQ(granters[i].refused, 0);
    }
}

/* ---- A mapping that another CPU still has ---------------------------------------------------- */

static struct {
    pfn_t place;
    u64 seen;
} reader;

static void read_place(void *arg)
{
    struct fault fault = {0};

    (void)arg;
    reader.seen = 0;
    try_read((u64)pfn_to_va(reader.place), &reader.seen, &fault);
}

TEST(grant, no_cpu_reaches_a_grant_after_its_unmap, grant_unmap)
{
    pfn_t frames[2];
    int refs[2], handle;

    NEEDS_GRANTS;
    NEEDS_CPUS(2);
    reader.place = grant_place_open();
    REQUIRE(reader.place.n != NO_PFN);
    for (u32 i = 0; i < 2; i++) {
        frames[i] = marked_frame(i + 1);
        REQUIRE(frames[i].n != NO_PFN);
        refs[i] = grant_to_self(frames[i], PV_GRANT_READ);
    }
    for (u32 i = 0; i < 2; i++) { /* the second frame takes the place of the first */
        handle = grant_map_own(refs[i], true, reader.place);
        REQUIRE(handle >= 0);
        run_on_cpu(1, read_place, NULL);
        EXPECT_EQ(reader.seen, i + 1);
        EXPECT_EQ(pv_grant_unmap((u32)handle, reader.place), 0);
        run_on_cpu(1, read_place, NULL);
        EXPECT(reader.seen != i + 1);
        EXPECT_EQ(pv_grant_end((u32)refs[i]), 0);
        if (!grant_map_moves())
            frame_free(frames[i], 0);
    }
    grant_place_close(reader.place);
}

/* ---- The end of a grant, at each instruction ------------------------------------------------- */

static struct {
    pfn_t frame, place;
    int ref, ended, handle;
    bool acted;
    u32 both, neither;
} contest;

static void contest_begin(void)
{
    contest.ref = pv_grant_access(PV_DOMAIN_SELF, contest.frame, PV_GRANT_WRITE);
    contest.acted = false;
    contest.handle = -1;
}

static void contest_end_grant(void *arg)
{
    (void)arg;
    contest.ended = pv_grant_end((u32)contest.ref);
}

static void contest_map(struct trap_frame *frame)
{
    (void)frame;
    contest.acted = true;
    contest.handle = grant_map_own(contest.ref, false, contest.place);
}

static void contest_check(void)
{
    contest.both += contest.acted && !contest.ended && contest.handle >= 0;
    contest.neither += contest.acted && contest.ended && contest.handle < 0;
    if (contest.handle >= 0)
        EXPECT_EQ(pv_grant_unmap((u32)contest.handle, contest.place), 0);
    if (contest.ended)
        EXPECT_EQ(pv_grant_end((u32)contest.ref), 0);
}

SOAK_TEST(race, grant_is_mapped_at_each_instruction_of_its_end, grant_end)
{
    struct race race = {
        .prepare = contest_begin,
        .run = contest_end_grant,
        .act = contest_map,
        .check = contest_check,
    };

    NEEDS_GRANTS;
    NEEDS_BARE_OPS;
    if (grant_map_moves())
        SKIP("Xen moves a PVH guest's own frame to where it is mapped, so it maps it once only");
    contest.both = contest.neither = 0;
    contest.frame = marked_frame(1);
    contest.place = grant_place_open();
    REQUIRE(contest.frame.n != NO_PFN && contest.place.n != NO_PFN);
    step_act_at_each(&race, 20);
    EXPECT_EQ(contest.both, 0);
    EXPECT_EQ(contest.neither, 0);
    grant_place_close(contest.place);
    frame_free(contest.frame, 0);
}
