/* SPDX-License-Identifier: MIT */
/* Fuzzer: any bytes as a Xen PV start_info, followed by a package of modules. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct boot_info bi;
    const struct boot_xen_pv *pv = &bi.xen_pv;
    const struct phys_window w = {data, IMAGE_PA, size};
    const char *error = boot_parse(BOOT_XEN_PV, &w, IMAGE_PA, IMAGE_END_PA, &bi);

    require_boot_info(&bi, error);
    if (error)
        return 0;
    REQUIRE(pv->nr_pages && pv->nr_pages <= BOOT_PA_MAX / PAGE_SIZE);
    REQUIRE(bi.first_free_pa <= pv->nr_pages * PAGE_SIZE);
    REQUIRE(bi.first_free_pa > pv->start_info_pa);
    REQUIRE(bi.first_free_pa > pv->pt_base_pa + pv->nr_pt_frames * PAGE_SIZE);
    REQUIRE(pv->first_p2m_pfn <= pv->nr_pages);
    REQUIRE(pv->nr_p2m_frames <= pv->nr_pages - pv->first_p2m_pfn);
    if (pv->nr_p2m_frames == 0)
        REQUIRE(bi.first_free_pa >= pv->p2m_va - IMAGE_VIRT_BASE + pv->nr_pages * 8);
    for (u32 i = 0; i < bi.nr_modules; i++)
        REQUIRE(bi.modules[i].base + bi.modules[i].size <= pv->nr_pages * PAGE_SIZE);
    return 0;
}
