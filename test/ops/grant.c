/* SPDX-License-Identifier: MIT */
/*
 * Grants: a granted frame is reached by a mapping, by the domain and in the way for which it was
 * granted, until the grant ends; and it does not end while the frame is in use. grant_copy.c has
 * the copies.
 */
#include "test/harness/grants.h"

/* A frame of this guest, its grant to this guest itself, and a place to map it. */
struct loan {
    pfn_t frame, place;
    int ref, handle;
    bool moved; /* the frame has no memory any more */
};

static bool loan_open(struct loan *l, enum pv_grant_kind kind)
{
    l->frame = marked_frame(0x1234);
    l->moved = false;
    if (!EXPECT(l->frame.n != NO_PFN))
        return false;
    l->place = grant_place_open();
    l->ref = grant_to_self(l->frame, kind);
    return l->place.n != NO_PFN && l->ref >= 0;
}

static bool loan_map(struct loan *l, bool readonly)
{
    l->handle = grant_map_own(l->ref, readonly, l->place);
    l->moved = l->handle >= 0 && grant_map_moves();
    return EXPECT(l->handle >= 0);
}

static bool loan_open_mapped(struct loan *l, enum pv_grant_kind kind, bool readonly)
{
    if (!loan_open(l, kind))
        return false;
    return loan_map(l, readonly);
}

static void loan_close(struct loan *l)
{
    EXPECT_EQ(pv_grant_end((u32)l->ref), 0);
    grant_place_close(l->place);
    if (!l->moved) /* else its memory is lost: the frame stays allocated */
        frame_free(l->frame, 0);
}

/* Expect what was written to the mapping in the granted frame. */
static void expect_in_frame(const struct loan *l, u64 value)
{
    EXPECT_EQ(*frame_word(l->moved ? l->place : l->frame), value);
}

static void loan_unmap_and_close(struct loan *l)
{
    EXPECT_EQ(pv_grant_unmap((u32)l->handle, l->place), 0);
    loan_close(l);
}

TEST(grant, platform_without_other_guests_says_so, grant_access, grant_end, grant_map, grant_unmap,
     grant_copy)
{
    const struct pv_grant_map map = {0};
    struct pv_grant_copy copy = {.status = 77};

    if (on_xen())
        SKIP("this hypervisor has grant tables");
    EXPECT_EQ(pv_grant_access(0, PFN(1), PV_GRANT_WRITE), -ENODEV);
    EXPECT_EQ(pv_grant_end(8), -ENODEV);
    EXPECT_EQ(pv_grant_map(&map), -ENODEV);
    EXPECT_EQ(pv_grant_unmap(0, PFN(1)), -ENODEV);
    EXPECT_EQ(pv_grant_copy(&copy, 1), -ENODEV);
    EXPECT_EQ(copy.status, 77);
}

TEST(grant, mapped_grant_is_the_granted_frame, grant_access, grant_map, grant_unmap, grant_end)
{
    struct loan l;

    NEEDS_GRANTS;
    REQUIRE(loan_open_mapped(&l, PV_GRANT_WRITE, false));
    EXPECT_EQ(*frame_word(l.place), 0x1234);
    *frame_word(l.place) = 0x5678;
    expect_in_frame(&l, 0x5678);
    if (!l.moved) {
        *frame_word(l.frame) = 0x9abc;
        EXPECT_EQ(*frame_word(l.place), 0x9abc);
    }
    loan_unmap_and_close(&l);
}

/* Two loans at once, so that a mix-up of references, handles or places is seen. */
TEST(grant, each_reference_is_of_its_own_frame, grant_access, grant_map, grant_unmap)
{
    struct loan one, other;

    NEEDS_GRANTS;
    REQUIRE(loan_open(&one, PV_GRANT_WRITE) && loan_open(&other, PV_GRANT_WRITE));
    EXPECT(one.ref != other.ref);
    *frame_word(one.frame) = 1;
    *frame_word(other.frame) = 2;
    REQUIRE(loan_map(&one, false) && loan_map(&other, false));
    EXPECT(one.handle != other.handle);
    EXPECT_EQ(*frame_word(one.place), 1);
    EXPECT_EQ(*frame_word(other.place), 2);
    EXPECT_EQ(pv_grant_unmap((u32)one.handle, other.place), -EINVAL);
    EXPECT_EQ(pv_grant_unmap((u32)one.handle, one.frame), -EINVAL);
    EXPECT_EQ(pv_grant_unmap((u32)one.handle, PFN(0)), -EINVAL);
    EXPECT_EQ(pv_grant_unmap((u32)one.handle, PFN(NO_PFN)), -EINVAL);
    EXPECT_EQ(*frame_word(one.place), 1);
    EXPECT_EQ(*frame_word(other.place), 2);
    EXPECT_EQ(pv_grant_unmap((u32)one.handle, one.place), 0);
    EXPECT_EQ(pv_grant_unmap((u32)one.handle, one.place), -EINVAL);
    EXPECT_EQ(pv_grant_unmap(~0u, one.place), -EINVAL);
    EXPECT_EQ(*frame_word(other.place), 2);
    loan_close(&one);
    loan_unmap_and_close(&other);
}

/* After the unmap the place has no memory: #PF on PV, all ones on PVH, never the granted frame. */
TEST(grant, unmapped_grant_is_not_reached, grant_unmap)
{
    struct fault fault = {0};
    struct loan l;
    u64 value = 0;

    NEEDS_GRANTS;
    REQUIRE(loan_open_mapped(&l, PV_GRANT_WRITE, false));
    EXPECT_EQ(*frame_word(l.place), 0x1234);
    EXPECT_EQ(pv_grant_unmap((u32)l.handle, l.place), 0);
    EXPECT_EQ(try_read((u64)pfn_to_va(l.place), &value, &fault), !on_xen_pv());
    EXPECT_EQ(value, on_xen_pv() ? 0 : ~0ull);
    loan_close(&l);
}

/* The write raises #PF on PV. On PVH Xen drops it. */
static void expect_write_refused(const struct loan *l)
{
    struct fault fault = {0};

    EXPECT_EQ(*frame_word(l->place), 0x1234);
    EXPECT_EQ(try_write((u64)pfn_to_va(l->place), 1, &fault), !on_xen_pv());
    EXPECT_EQ(fault.caught ? fault.vector : 0, on_xen_pv() ? VECTOR_PF : 0);
    expect_in_frame(l, 0x1234);
}

TEST(grant, frame_granted_for_reading_is_not_written, grant_access, grant_map)
{
    struct loan l;

    NEEDS_GRANTS;
    REQUIRE(loan_open(&l, PV_GRANT_READ));
    EXPECT_EQ(grant_map_own(l.ref, false, l.place), -EPERM);
    REQUIRE(loan_map(&l, true));
    expect_write_refused(&l);
    loan_unmap_and_close(&l);
}

TEST(grant, mapping_for_reading_is_not_written, grant_map)
{
    struct loan l;

    NEEDS_GRANTS;
    REQUIRE(loan_open_mapped(&l, PV_GRANT_WRITE, true));
    expect_write_refused(&l);
    loan_unmap_and_close(&l);
}

TEST(grant, mapped_grant_is_not_executable, grant_map)
{
    const u8 ret = 0xc3;
    struct fault fault = {0};
    struct loan l;

    NEEDS_GRANTS;
    REQUIRE(loan_open_mapped(&l, PV_GRANT_WRITE, false));
    *(volatile u8 *)frame_word(l.place) = ret;
    PV_TRY(fault)
    __asm__ volatile("call *%0" : : "r"(pfn_to_va(l.place)) : "memory");
    EXPECT(fault.caught);
    EXPECT_EQ(fault.vector, VECTOR_PF);
    loan_unmap_and_close(&l);
}

/* The reference stays in use after the refusal: no other grant gets it, and it can be ended. */
TEST(grant, grant_in_use_is_not_ended, grant_end, grant_access)
{
    struct loan l, other;

    NEEDS_GRANTS;
    REQUIRE(loan_open_mapped(&l, PV_GRANT_WRITE, false));
    EXPECT_EQ(pv_grant_end((u32)l.ref), -EBUSY);
    EXPECT_EQ(pv_grant_end((u32)l.ref), -EBUSY);
    *frame_word(l.place) = 7;
    expect_in_frame(&l, 7);
    REQUIRE(loan_open(&other, PV_GRANT_WRITE));
    EXPECT(other.ref != l.ref);
    loan_close(&other);
    loan_unmap_and_close(&l);
}

TEST(grant, grant_in_use_for_reading_is_not_ended, grant_end)
{
    struct loan l;

    NEEDS_GRANTS;
    REQUIRE(loan_open_mapped(&l, PV_GRANT_READ, true));
    EXPECT_EQ(pv_grant_end((u32)l.ref), -EBUSY);
    loan_unmap_and_close(&l);
}

TEST(grant, ended_grant_gives_no_access, grant_end, grant_map)
{
    struct loan l;

    NEEDS_GRANTS;
    REQUIRE(loan_open(&l, PV_GRANT_WRITE));
    EXPECT_EQ(pv_grant_end((u32)l.ref), 0);
    EXPECT_EQ(grant_map_own(l.ref, true, l.place), -EPERM);
    EXPECT_EQ(pv_grant_end((u32)l.ref), -EINVAL);
    grant_place_close(l.place);
    frame_free(l.frame, 0);
}

TEST(grant, grant_to_another_domain_gives_this_one_no_access, grant_access)
{
    struct loan l;
    int ref;

    NEEDS_GRANTS;
    REQUIRE(loan_open(&l, PV_GRANT_WRITE));
    ref = pv_grant_access(77, l.frame, PV_GRANT_WRITE);
    REQUIRE(ref >= 8);
    EXPECT_EQ(grant_map_own(ref, true, l.place), -EPERM);
    EXPECT_EQ(pv_grant_end((u32)ref), 0);
    loan_close(&l);
}

/* dom0 has number 0, so it can name itself by that, too. */
TEST(grant, grant_to_a_number_is_for_that_domain, grant_access)
{
    struct loan l;
    int ref;

    NEEDS_GRANTS;
    if (on_domu())
        SKIP("a domU cannot find its own number");
    REQUIRE(loan_open(&l, PV_GRANT_WRITE));
    ref = pv_grant_access(0, l.frame, PV_GRANT_WRITE);
    REQUIRE(ref >= 8);
    EXPECT_EQ(pv_grant_end((u32)l.ref), 0);
    l.ref = ref;
    EXPECT(loan_map(&l, false));
    loan_unmap_and_close(&l);
}

TEST(grant, bad_grants_are_refused, grant_access)
{
    struct loan l;

    NEEDS_GRANTS;
    REQUIRE(loan_open(&l, PV_GRANT_WRITE));
    EXPECT_EQ(pv_grant_access(0x7ff0, l.frame, PV_GRANT_WRITE), -EINVAL);
    EXPECT_EQ(pv_grant_access(0x10000, l.frame, PV_GRANT_WRITE), -EINVAL);
    EXPECT_EQ(pv_grant_access(PV_DOMAIN_SELF, l.frame, (enum pv_grant_kind)3), -EINVAL);
    EXPECT_EQ(pv_grant_access(PV_DOMAIN_SELF, PFN(1ull << 32), PV_GRANT_WRITE), -EINVAL);
    EXPECT_EQ(pv_grant_access(PV_DOMAIN_SELF, PFN_INVALID, PV_GRANT_WRITE), -EINVAL);
    if (on_xen_pv())
        EXPECT_EQ(pv_grant_access(PV_DOMAIN_SELF, l.place, PV_GRANT_WRITE), -EINVAL);
    EXPECT_EQ(pv_grant_access(PV_DOMAIN_SELF, l.frame, PV_GRANT_TRANSFER), -EOPNOTSUPP);
    loan_close(&l);
}

TEST(grant, references_of_no_grant_are_refused, grant_end)
{
    const u32 bad[] = {0, 1, 7, 1u << 20, ~0u};
    struct loan l;

    NEEDS_GRANTS;
    REQUIRE(loan_open(&l, PV_GRANT_READ)); /* so that the table has entries */
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        EXPECT_EQ(pv_grant_end(bad[i]), -EINVAL);
    loan_close(&l);
}

TEST(grant, bad_maps_are_refused, grant_map)
{
    struct pv_grant_map map = {.domain = PV_DOMAIN_SELF};
    struct loan l;

    NEEDS_GRANTS;
    REQUIRE(loan_open(&l, PV_GRANT_WRITE));
    map.ref = (u32)l.ref;
    map.pfn = PFN(0);
    EXPECT_EQ(pv_grant_map(&map), -EINVAL);
    map.pfn = PFN_INVALID;
    EXPECT_EQ(pv_grant_map(&map), -EINVAL);
    map.pfn = l.frame;
    if (on_xen_pv()) /* where it is not refused, the memory would be lost */
        EXPECT_EQ(pv_grant_map(&map), -EINVAL);
    map.pfn = l.place;
    map.ref = 1u << 24;
    EXPECT_EQ(pv_grant_map(&map), -EINVAL);
    map.ref = (u32)l.ref;
    map.domain = 0x7fef; /* the highest number, of a domain that does not exist */
    EXPECT_EQ(pv_grant_map(&map), -EINVAL);
    map.domain = 0x7ff0;
    EXPECT_EQ(pv_grant_map(&map), -EINVAL);
    EXPECT_EQ(*frame_word(l.frame), 0x1234);
    loan_close(&l);
}

/* ---- All entries ---------------------------------------------------------------------------- */

enum { MANY = 20000 };
static u16 many[MANY];

/* Grant the frame until the table is full. Return how many grants there are. */
static u32 grant_all(pfn_t frame)
{
    u32 count = 0;
    int ref = 0;

    while (count < MANY && ref >= 0) {
        ref = pv_grant_access(PV_DOMAIN_SELF, frame, PV_GRANT_READ);
        if (ref >= 0)
            many[count++] = (u16)ref;
    }
    EXPECT_EQ(ref, -ENOSPC);
    return count;
}

/* Return how many of the references are reserved, too high, or there twice. */
static u32 bad_references(u32 count)
{
    static u64 seen[MANY / 64 + 1]; /* a set */
    u32 bad = 0;

    memset(seen, 0, sizeof(seen));
    for (u32 i = 0; i < count; i++) {
        const u64 bit = 1ull << many[i] % 64;

        bad += many[i] < 8 || many[i] >= MANY || seen[many[i] / 64] & bit;
        seen[many[i] / 64] |= bit;
    }
    return bad;
}

static u32 end_all(u32 count)
{
    u32 refused = 0;

    while (count)
        refused += pv_grant_end(many[--count]) != 0;
    return refused;
}

/* Copy the first word of a granted frame to a frame, and return it; 0 if that fails. */
static u64 word_by_copy(u32 ref, pfn_t to)
{
    struct pv_grant_copy copy = {
        .from = {.is_grant = true, .domain = PV_DOMAIN_SELF, .ref = ref},
        .to = {.pfn = to},
        .len = sizeof(u64),
    };

    *frame_word(to) = 0;
    EXPECT_EQ(pv_grant_copy(&copy, 1), 1);
    return *frame_word(to);
}

TEST(grant, table_grows_until_it_is_full_and_loses_no_entry, grant_access, grant_end)
{
    pfn_t frame, to;
    u32 count;

    NEEDS_GRANTS;
    frame = marked_frame(1);
    to = marked_frame(0);
    REQUIRE(frame.n != NO_PFN && to.n != NO_PFN);
    count = grant_all(frame);
    EXPECT(count > 2 * PAGE_SIZE / 8); /* more than two frames of entries of 8 bytes */
    EXPECT_EQ(bad_references(count), 0);
    EXPECT_EQ(pv_grant_access(PV_DOMAIN_SELF, frame, PV_GRANT_TRANSFER), -EOPNOTSUPP);
    EXPECT_EQ(end_all(count), 0);
    EXPECT_EQ(grant_all(frame), count);
    EXPECT_EQ(bad_references(count), 0);
    print("# %u grants fill the table\n", count);
    /* Entries of every frame of the table work. */
    for (u32 i = 0; i < count; i += 512)
        EXPECT_EQ(word_by_copy(many[i], to), 1);
    EXPECT_EQ(end_all(count), 0);
    frame_free(frame, 0);
    frame_free(to, 0);
}
