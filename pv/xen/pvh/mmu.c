/*
 * Class 3 of a PVH guest: its page tables are the hardware's own, so all but the balloon is native.
 */
#include "pv/native/mmu.h"
#include "pv/xen/hypercall.h"
#include "pv/xen/pvh/xen_pvh.h"
#include "pv/xen/xen.h"
#include <xen/hvm/hvm_op.h>

/*
 * The hardware translates our frames, so Xen takes them by their own numbers; the direct map stays
 * as it is, and reading what was given away gives ones.
 */
static s64 xen_pvh_balloon_adjust(pfn_t first, u64 count, bool give)
{
    u64 done;

    for (done = 0; done < count; done++) {
        xen_pfn_t frame = first.n + done;
        struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

        set_xen_guest_handle_raw(r.extent_start, &frame);
        if (xen_memory_op(give ? XENMEM_decrease_reservation : XENMEM_populate_physmap, &r) != 1)
            break;
    }
    return (s64)done;
}

/* Xen knows one way: all, on all vCPUs (xen/hvm/hvm_op.h). */
static int xen_pvh_flush_others(u64 cpus, u64 va)
{
    (void)va;
    cpus &= ~(1ull << pv_this_cpu());
    for (u64 left = cpus; left; left &= left - 1)
        if (!xen_cpu_is_up((u32)__builtin_ctzll(left)))
            return -ENODEV;
    if (cpus && xen_hvm_op(HVMOP_flush_tlbs, NULL))
        pv_panic("flush_others", "Xen refuses HVMOP_flush_tlbs");
    return 0;
}

static u64 xen_pvh_hypercall_count(u64 *updates)
{
    *updates = 0;
    return xen_hypercalls;
}

const struct pv_mmu_ops xen_pvh_mmu_ops = {
    .mmu_init = native_mmu_init,
    .early_map = native_early_map,
    .install_tables = native_install_tables,
    .pfn_to_mfn = native_pfn_to_mfn,
    .mfn_to_pfn = native_mfn_to_pfn,
    .make_pte = native_make_pte,
    .pte_val = native_pte_val,
    .make_pmd = native_make_pmd,
    .pmd_val = native_pmd_val,
    .make_pud = native_make_pud,
    .pud_val = native_pud_val,
    .make_pgd = native_make_pgd,
    .pgd_val = native_pgd_val,
    .set_pte = native_set_pte,
    .set_pmd = native_set_pmd,
    .set_pud = native_set_pud,
    .set_pgd = native_set_pgd,
    .set_ptes = native_set_ptes,
    .init_ptes = native_set_ptes,
    .clear_ptes = native_clear_ptes,
    .get_and_clear_pte = native_get_and_clear_pte,
    .protect_start = native_protect_start,
    .protect_commit = native_protect_commit,
    .announce_table = native_announce_table,
    .release_table = native_announce_table,
    .pin_root = native_pin_root,
    .unpin_root = native_unpin_root,
    .read_root = native_read_root,
    .write_root = native_write_root,
    .flush_one = native_flush_one,
    .flush_user = native_flush_user,
    .flush_all = native_flush_all,
    .flush_others = xen_pvh_flush_others,
    .lazy_enter = native_lazy_nop,
    .lazy_leave = native_lazy_nop,
    .lazy_flush = native_lazy_nop,
    .context_switch_start = native_context_switch_start,
    .context_switch_end = native_context_switch_end,
    .set_fixmap = native_set_fixmap,
    .user_access_begin = native_user_access_begin,
    .user_access_end = native_user_access_end,
    .make_contiguous = native_make_contiguous,
    .balloon_adjust = xen_pvh_balloon_adjust,
    .hypercall_count = xen_pvh_hypercall_count,
};
