/*
 * boot/xen_pv.c: struct start_info, which Xen's domain builder points rsi at; described in
 * xen/xen.h, "Start-of-day memory layout".
 *
 * The builder packs, each on a page boundary: the kernel's image, [the module], [the P2M], the
 * start_info page, [xenstore and console rings], the page tables, one page of stack; all mapped at
 * virt_base. The module and the P2M can also lie elsewhere and unmapped, if the image's notes say
 * that it can live with that. There is no memory map here: the hypervisor is asked later.
 */
#include "boot/boot_info.h"

#include <xen/xen.h>

#include "lib/string.h"

/* A field of the start_info at si, which need not be aligned. */
#define FIELD_U32(si, field) load32((si) + offsetof(struct start_info, field))
#define FIELD_U64(si, field) load64((si) + offsetof(struct start_info, field))

_Static_assert(MAX_GUEST_CMDLINE <= BOOT_CMDLINE_MAX, "a PV command line must fit");

/* What the initial mapping can show of the domain's memory: pa 0 is at base, [base, base + size).
 */
struct mapping {
    u64 base;
    u64 size;
};

/* The pseudo-physical address of [va, va + len); false if that is not all in the mapping. */
static bool to_pa(const struct mapping *m, u64 va, u64 len, u64 *pa)
{
    *pa = va - m->base; /* a va below the base wraps around to far beyond the end */
    return *pa <= m->size && len <= m->size - *pa;
}

/* Does a run of frames lie in the domain's memory? It need not be mapped. */
static bool frames_ok(const struct boot_info *bi, u64 pfn, u64 count)
{
    return pfn <= bi->xen_pv.nr_pages && count <= bi->xen_pv.nr_pages - pfn;
}

static const char *parse_texts(const u8 *si, struct boot_info *bi)
{
    const char *cmdline = (const char *)si + offsetof(struct start_info, cmd_line);

    if (memcmp(si, "xen-", 4) != 0 || strnlen((const char *)si, 32) == 32)
        return "xen pv: start_info has a wrong magic string";
    str_copy(bi->loader, (const char *)si, sizeof(bi->loader));
    if (strnlen(cmdline, MAX_GUEST_CMDLINE) == MAX_GUEST_CMDLINE)
        return "xen pv: the command line has no end";
    str_copy(bi->cmdline, cmdline, sizeof(bi->cmdline));
    return NULL;
}

/* The entries of a multiboot package: all addresses in it count from its own start. */
static const char *parse_module_list(const struct phys_window *package, struct boot_info *bi)
{
    struct xen_multiboot_mod_list m;
    const char *error = NULL;

    for (u64 at = 0; !error; at += sizeof(m)) {
        const void *entry = phys_window_get(package, at, sizeof(m));

        if (!entry)
            return "xen pv: the list of modules has no end";
        memcpy(&m, entry, sizeof(m));
        if (m.mod_start == 0)
            return NULL;
        if (m.mod_end < m.mod_start || m.mod_end >= package->size)
            return "xen pv: a module ends beyond its package, or before it starts";
        /* Made relative to the package; parse_module() adds where that lies. */
        error =
            boot_add_module(bi, m.mod_start, (u64)m.mod_end - m.mod_start + 1, package, m.cmdline);
    }
    return error;
}

static const char *parse_package(const struct phys_window *w, u64 base, u64 size,
                                 struct boot_info *bi)
{
    struct phys_window package = {phys_window_get(w, base, size), 0, size};
    const char *error;

    if (!package.base)
        return "xen pv: the package of modules lies outside of the memory that can be read";
    error = parse_module_list(&package, bi);
    for (u32 i = 0; i < bi->nr_modules; i++)
        bi->modules[i].base += base;
    return error;
}

/* Where the module lies; false if that is not in the domain's memory. */
static bool find_module(const struct mapping *m, const struct boot_info *bi, u64 start, u64 size,
                        u64 *base)
{
    if (!(bi->xen_pv.flags & SIF_MOD_START_PFN))
        return to_pa(m, start, size, base);
    *base = start * PAGE_SIZE;
    return size <= BOOT_PA_MAX && frames_ok(bi, start, ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
}

static const char *parse_module(const struct phys_window *w, const struct mapping *m, const u8 *si,
                                struct boot_info *bi)
{
    u64 size = FIELD_U64(si, mod_len);
    u64 base;

    if (size == 0)
        return NULL;
    if (!find_module(m, bi, FIELD_U64(si, mod_start), size, &base))
        return "xen pv: the module lies outside of the domain's memory";
    if (bi->xen_pv.flags & SIF_MULTIBOOT_MOD)
        return parse_package(w, base, size, bi);
    return boot_add_module(bi, base, size, w, 0);
}

/* Moves *used_end behind [pa, pa + len). */
static void use(u64 *used_end, u64 pa, u64 len)
{
    *used_end = MAX(*used_end, pa + len);
}

static const char *parse_page_tables(const struct mapping *m, const u8 *si, struct boot_info *bi,
                                     u64 *used_end)
{
    struct boot_xen_pv *pv = &bi->xen_pv;
    u64 va = FIELD_U64(si, pt_base);

    pv->nr_pt_frames = FIELD_U64(si, nr_pt_frames);
    if (va % PAGE_SIZE || pv->nr_pt_frames == 0)
        return "xen pv: the page tables are not on a page boundary, or there are none";
    /* One frame more: the boot stack, which no field speaks of. */
    if (pv->nr_pt_frames > pv->nr_pages ||
        !to_pa(m, va, (pv->nr_pt_frames + 1) * PAGE_SIZE, &pv->pt_base_pa))
        return "xen pv: the page tables lie outside of the domain's memory";
    use(used_end, pv->pt_base_pa, (pv->nr_pt_frames + 1) * PAGE_SIZE);
    return NULL;
}

/* The P2M is in the packed part if its address is in the mapping, else in frames of its own. */
static const char *parse_p2m(const struct mapping *m, const u8 *si, struct boot_info *bi,
                             u64 *used_end)
{
    struct boot_xen_pv *pv = &bi->xen_pv;
    u64 size = pv->nr_pages * sizeof(xen_pfn_t);
    u64 pa;

    pv->p2m_va = FIELD_U64(si, mfn_list);
    if (pv->p2m_va % sizeof(xen_pfn_t))
        return "xen pv: the P2M is not aligned";
    if (to_pa(m, pv->p2m_va, 0, &pa)) {
        if (!to_pa(m, pv->p2m_va, size, &pa))
            return "xen pv: the P2M ends beyond the domain's memory";
        use(used_end, pa, size);
        return NULL;
    }
    pv->first_p2m_pfn = FIELD_U64(si, first_p2m_pfn);
    pv->nr_p2m_frames = FIELD_U64(si, nr_p2m_frames);
    if (!frames_ok(bi, pv->first_p2m_pfn, pv->nr_p2m_frames))
        return "xen pv: the P2M lies outside of the domain's memory";
    if (pv->nr_p2m_frames < ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE)
        return "xen pv: the P2M has too few frames for the domain's memory";
    return NULL;
}

static const char *parse_machine(const u8 *si, u64 info_pa, struct boot_info *bi)
{
    struct boot_xen_pv *pv = &bi->xen_pv;

    pv->start_info_pa = info_pa;
    pv->flags = FIELD_U32(si, flags);
    pv->nr_pages = FIELD_U64(si, nr_pages);
    pv->shared_info_ma = FIELD_U64(si, shared_info);
    if (pv->nr_pages == 0 || pv->nr_pages > BOOT_PA_MAX / PAGE_SIZE)
        return "xen pv: the domain's number of pages is 0, or more than x86 can have";
    if (pv->shared_info_ma % PAGE_SIZE)
        return "xen pv: the shared info page is not on a page boundary";
    return NULL;
}

/* All that lies somewhere in the domain's memory, and with it the end of what is in use. */
static const char *parse_layout(const struct phys_window *w, const u8 *si, u64 image_end_pa,
                                u64 virt_base, struct boot_info *bi)
{
    struct boot_xen_pv *pv = &bi->xen_pv;
    /* No more than fits below the last virtual address. */
    struct mapping m = {virt_base, MIN(pv->nr_pages * PAGE_SIZE, UINT64_MAX - virt_base)};
    u64 used_end = image_end_pa;
    const char *error;

    use(&used_end, pv->start_info_pa, PAGE_SIZE);
    error = parse_page_tables(&m, si, bi, &used_end);
    if (!error)
        error = parse_p2m(&m, si, bi, &used_end);
    if (!error)
        error = parse_module(w, &m, si, bi);
    if (error)
        return error;
    boot_set_first_free(bi, used_end);
    if (bi->first_free_pa > pv->nr_pages * PAGE_SIZE)
        return "xen pv: the domain has less memory than its image and boot data take";
    return NULL;
}

const char *xen_pv_parse(const struct phys_window *w, u64 info_pa, u64 image_end_pa, u64 virt_base,
                         struct boot_info *bi)
{
    const u8 *si = phys_window_get(w, info_pa, sizeof(struct start_info));
    const char *error;

    memset(bi, 0, sizeof(*bi));
    bi->protocol = BOOT_XEN_PV;
    if (info_pa % PAGE_SIZE)
        return "xen pv: start_info is not on a page boundary";
    if (!si)
        return "xen pv: start_info lies outside of the memory that can be read";
    error = parse_texts(si, bi);
    if (!error)
        error = parse_machine(si, info_pa, bi);
    if (!error)
        error = parse_layout(w, si, image_end_pa, virt_base, bi);
    return error;
}
