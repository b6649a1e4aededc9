/* SPDX-License-Identifier: MIT */
/*
 * Copies between frames and grants: exactly the bytes of a segment are copied, in the way for which
 * the frame was granted, and a bad segment does not prevent the others.
 */
#include "test/harness/grants.h"

static void fill(pfn_t pfn, u8 first)
{
    u8 *bytes = pfn_to_va(pfn);

    for (u32 i = 0; i < PAGE_SIZE; i++)
        bytes[i] = (u8)(first + i);
}

static struct pv_grant_place own(pfn_t pfn, u32 offset)
{
    return (struct pv_grant_place){.pfn = pfn, .offset = offset};
}

static struct pv_grant_place granted(int ref, u32 offset)
{
    return (struct pv_grant_place){
        .is_grant = true, .domain = PV_DOMAIN_SELF, .ref = (u32)ref, .offset = offset};
}

/* Return whether exactly these bytes were copied from a page of fill(0) into one of fill(100). */
static bool only_copied(pfn_t pfn, u32 from, u32 to, u32 len)
{
    const u8 *bytes = pfn_to_va(pfn);
    bool right = true;

    for (u32 i = 0; i < PAGE_SIZE; i++)
        right &= bytes[i] == (i >= to && i - to < len ? (u8)(from + i - to) : (u8)(100 + i));
    return right;
}

/* Two frames and their grants. */
struct copying {
    pfn_t from, to;
    int from_ref, to_ref;
};

static bool copying_open(struct copying *c, enum pv_grant_kind to)
{
    c->from = marked_frame(0);
    c->to = marked_frame(0);
    if (!EXPECT(c->from.n != NO_PFN && c->to.n != NO_PFN))
        return false;
    fill(c->from, 0);
    fill(c->to, 100);
    c->from_ref = grant_to_self(c->from, PV_GRANT_READ);
    c->to_ref = grant_to_self(c->to, to);
    return c->from_ref >= 0 && c->to_ref >= 0;
}

static void copying_close(const struct copying *c)
{
    EXPECT_EQ(pv_grant_end((u32)c->from_ref), 0);
    EXPECT_EQ(pv_grant_end((u32)c->to_ref), 0);
    frame_free(c->from, 0);
    frame_free(c->to, 0);
}

TEST(grant, copies_exactly_the_bytes_of_the_segment, grant_copy)
{
    struct copying c;

    NEEDS_GRANTS;
    REQUIRE(copying_open(&c, PV_GRANT_WRITE));
    for (u32 ends = 0; ends < 4; ends++) {
        struct pv_grant_copy copy = {
            .from = ends & 1 ? granted(c.from_ref, 40) : own(c.from, 40),
            .to = ends & 2 ? granted(c.to_ref, 3000) : own(c.to, 3000),
            .len = 1096,
            .status = 77,
        };

        fill(c.to, 100);
        EXPECT_EQ(pv_grant_copy(&copy, 1), 1);
        EXPECT_EQ(copy.status, 0);
        EXPECT(only_copied(c.to, 40, 3000, 1096));
    }
    copying_close(&c);
}

TEST(grant, bad_segments_are_refused_and_the_others_copied, grant_copy)
{
    static struct pv_grant_copy copies[20];
    struct copying c;

    NEEDS_GRANTS;
    REQUIRE(copying_open(&c, PV_GRANT_WRITE));
    for (u32 i = 0; i < ARRAY_SIZE(copies); i++)
        copies[i] = (struct pv_grant_copy){
            .from = granted(c.from_ref, 8 * i), .to = own(c.to, 8 * i), .len = 8, .status = 77};
    copies[3].len = PAGE_SIZE;           /* beyond the end of both pages */
    copies[4].from.offset = PAGE_SIZE;   /* no such byte */
    copies[5].to.offset = (1 << 16) + 8; /* 8 if it is cut to 16 bits */
    copies[6].len = (1 << 16) + 8;       /* the same */
    copies[7].to.pfn = PFN_INVALID;      /* no memory */
    copies[8].from.ref = 1u << 24;       /* beyond the table */
    copies[9].from.domain = 0x10000;     /* not a domain's number */
    EXPECT_EQ(pv_grant_copy(copies, ARRAY_SIZE(copies)), 13);
    for (u32 i = 0; i < ARRAY_SIZE(copies); i++)
        EXPECT_EQ(copies[i].status, i >= 3 && i <= 9 ? -EINVAL : 0);
    for (u32 i = 0; i < 8 * ARRAY_SIZE(copies); i++) {
        const bool copied = i < 24 || i >= 80;

        EXPECT_EQ(((const u8 *)pfn_to_va(c.to))[i], (u8)(copied ? i : 100 + i));
    }
    EXPECT_EQ(pv_grant_copy(copies, 0), 0);
    copying_close(&c);
}

TEST(grant, copy_into_a_grant_for_reading_is_refused, grant_copy)
{
    struct copying c;
    struct pv_grant_copy copy;

    NEEDS_GRANTS;
    REQUIRE(copying_open(&c, PV_GRANT_READ));
    copy = (struct pv_grant_copy){
        .from = own(c.from, 0), .to = granted(c.to_ref, 0), .len = 16, .status = 77};
    EXPECT_EQ(pv_grant_copy(&copy, 1), 0);
    EXPECT_EQ(copy.status, -EPERM);
    EXPECT(only_copied(c.to, 0, 0, 0));
    copying_close(&c);
}
