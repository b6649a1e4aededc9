/* SPDX-License-Identifier: MIT */
/*
 * Call sites that are interrupted in the middle: pv_restart_site moves the interrupted rip back to
 * the start of the site, whose new code then runs with the registers and the stack pointer that the
 * old code started with.
 */
#include "test/harness/step.h"
#include "test/harness/test.h"
#include "test/patch/sites.h"

u64 sites_tail_save_fl(void);

static struct {
    const struct pv_site *site; /* the last one that was entered */
    u64 rsp;                    /* at its start */
    u64 restarted_at[64];
    u32 restarts, wrong;
} restarting;

static const struct pv_site *site_at(u64 address)
{
    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++)
        if ((u64)pv_site_address(site) == address)
            return site;
    return NULL;
}

static bool is_inside(const struct pv_site *site, u64 address)
{
    const u64 offset = site ? address - (u64)pv_site_address(site) : 0;

    return offset && offset < pv_site_length(site);
}

/*
 * Return whether the site is interrupted here for the first time; the second time is after its
 * restart.
 */
static bool is_first_time(u64 rip)
{
    for (u32 i = 0; i < restarting.restarts; i++)
        if (restarting.restarted_at[i] == rip)
            return false;
    return restarting.restarts < ARRAY_SIZE(restarting.restarted_at);
}

/* Restart each site once at each instruction in it but the first. */
static void restart_at_each_step(struct steps *steps, struct trap_frame *frame)
{
    const struct pv_site *const entered = site_at(frame->rip);

    (void)steps;
    if (entered) {
        restarting.site = entered;
        restarting.rsp = frame->rsp;
    } else if (is_inside(restarting.site, frame->rip) && is_first_time(frame->rip)) {
        restarting.restarted_at[restarting.restarts++] = frame->rip;
        pv_restart_site(frame);
        restarting.wrong +=
            frame->rip != (u64)pv_site_address(restarting.site) || frame->rsp != restarting.rsp;
    }
}

/* Saved flags include RFLAGS.TF, so restoring them continues the stepping. */
static void use_sites(void *arg)
{
    const u64 flags = pv_save_fl();
    u64 cr2;

    (void)arg;
    restarting.wrong += !(flags & PV_FLAG_IF);
    pv_irq_disable();
    restarting.wrong += (pv_save_fl() & PV_FLAG_IF) != 0;
    cr2 = pv_read_cr2();
    pv_write_cr2(0x5000);
    restarting.wrong += pv_read_cr2() != 0x5000;
    pv_write_cr2(cr2);
    pv_irq_enable();
    restarting.wrong += !(sites_tail_save_fl() & PV_FLAG_IF);
    pv_restore_fl(flags & ~PV_FLAG_IF);
    restarting.wrong += (pv_save_fl() & PV_FLAG_IF) != 0;
    pv_restore_fl(flags);
    restarting.wrong += !(pv_save_fl() & PV_FLAG_IF);
    restarting.wrong +=
        pv_pfn_to_mfn(pv_mfn_to_pfn(pv_pfn_to_mfn(PFN(0x200)))).n != pv_pfn_to_mfn(PFN(0x200)).n;
}

TEST(sites, interrupted_sites_restart_with_their_registers, save_fl, restore_fl, irq_enable)
{
    struct steps steps = {.between = restart_at_each_step};
    const bool was = pv_is_patched();

    set_patched(true);
    restarting.site = NULL;
    restarting.restarts = restarting.wrong = 0;
    step_through(&steps, use_sites, NULL);
    set_patched(was);
    EXPECT_EQ(restarting.wrong, 0);
    EXPECT(restarting.restarts >= 5);
    print("# %u sites restarted in %u steps\n", restarting.restarts, steps.count);
}

static u64 restarted(u64 rip, u64 rsp)
{
    struct trap_frame frame = {.rip = rip, .rsp = rsp};

    pv_restart_site(&frame);
    test_expect(frame.rip != rip || frame.rsp == rsp, __FILE__, __LINE__,
                "%p stays, and its stack does not", (void *)rip);
    return frame.rip;
}

/* pv_restart_site leads from every byte of a site to its start, and changes no other address. */
TEST(sites, every_byte_of_a_site_leads_to_its_start)
{
    const u64 rsp = 0x1000;

    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++) {
        const u64 start = (u64)pv_site_address(site), end = start + pv_site_length(site);
        u32 wrong = 0;

        for (u64 rip = start; rip < end; rip++)
            wrong += restarted(rip, rsp) != start;
        if (site == pv_sites || start > (u64)pv_site_address(site - 1) + pv_site_length(site - 1))
            wrong += restarted(start - 1, rsp) != start - 1;
        wrong += restarted(end, rsp) != end;
        if (wrong)
            test_expect(false, __FILE__, __LINE__, "%u bytes of the site of %s at %p", wrong,
                        pv_op_name(site->op), (void *)start);
    }
}
