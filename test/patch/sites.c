/* SPDX-License-Identifier: MIT */
/*
 * Call sites after patching: each has the bytes that its record promises, and a hot op's site is
 * the instruction itself. How patching works: pv/patch/patch.c.
 */
#include "test/patch/sites.h"
#include "lib/string.h"
#include "pv/backend.h"
#include "test/harness/test.h"

extern const u8 pv_thunks[];

/*
 * Return the target of a call or jump of 5 bytes at the end of a site, or 0 if it ends otherwise.
 */
static u64 branch_target(const struct pv_site *site)
{
    const u8 *const branch = pv_site_address(site) + pv_site_length(site) - 5;
    s32 distance;

    if (*branch != (site->kind == PV_SITE_JUMP ? 0xe9 : 0xe8))
        return 0;
    memcpy(&distance, branch + 1, sizeof(distance));
    return (u64)branch + 5 + (u64)(s64)distance;
}

/* Return the backend's function for this op; a mutant or a test may have replaced it. */
static const void *original_function(u32 op)
{
    const struct pv_backend *const backend = pv_backend_named(pv_backend_name());

#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args) \
    if (op == PV_INDEX(class.name)) \
        return backend->class->name;
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
    return NULL;
}

/* The functions that the sites of hot ops call (pv/patch/thunks.S). */
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_HOT(class, ret, name, params, args) void pv_keep_##name(void);
#include "pv/ops.def"

static u64 hot_function(u32 op)
{
#define PV_HOT(class, ret, name, params, args) \
    if (op == PV_INDEX(class.name)) \
        return (u64)pv_keep_##name;
#include "pv/ops.def"
#undef PV_OP
    return 0;
}

static bool is_indirect(const struct pv_site *site)
{
    return branch_target(site) == (site->kind >= PV_SITE_HOT
                                       ? hot_function(site->op)
                                       : (u64)pv_thunks + site->op * PV_THUNK_SIZE);
}

static bool is_direct(const struct pv_site *site)
{
    return branch_target(site) ==
           (site->kind >= PV_SITE_HOT ? hot_function(site->op) : (u64)pv_ops.slot[site->op]);
}

void expect_all_are(bool patched)
{
    u32 counts[PV_NR_STATES] = {0}, wrong = 0;
    struct pv_site_code code;

    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++) {
        pv_site_code(site, &code);
        counts[code.state]++;
        wrong += code.site.length != pv_site_length(site) ||
                 memcmp(pv_site_address(site), code.site.bytes, code.site.length) != 0;
        wrong += code.state == PV_STATE_INDIRECT && !is_indirect(site);
        wrong += code.state == PV_STATE_DIRECT && !is_direct(site);
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(counts[PV_STATE_TRAP], 0);
    EXPECT_EQ(counts[PV_STATE_INDIRECT], patched ? 0 : (u64)(pv_sites_end - pv_sites));
    EXPECT(!patched || counts[PV_STATE_DIRECT]);
    /* With check=context sites call wrappers instead of inline code. */
    EXPECT(!patched || cmdline.check[0] || counts[PV_STATE_INLINE]);
}

TEST(sites, bytes_are_what_the_record_says)
{
    const bool was = pv_is_patched();

    EXPECT(pv_sites_end - pv_sites > 500);
    EXPECT_EQ(was, !cmdline.nopatch);
    expect_all_are(was);
    for (u32 i = 0; i < 2; i++) {
        set_patched(!was ^ i);
        expect_all_are(!was ^ i);
    }
}

/* The code that a site of this op must contain after the prefixes that pad it. */
#define BARE(op, length, ...) \
    { \
        PV_INDEX(op), length, \
        { \
            __VA_ARGS__ \
        } \
    }
static const struct encoding {
    u32 op;
    u8 length, bytes[16];
} native_encodings[] =
    {
        BARE(flag.irq_disable, 1, 0xfa),
        BARE(flag.irq_enable, 1, 0xfb),
        BARE(flag.save_fl, 2, 0x9c, 0x58),
        BARE(flag.restore_fl, 6, 0x57, 0x2e, 0x2e, 0x2e, 0x2e, 0x9d),
        BARE(cpu.read_cr2, 3, 0x0f, 0x20, 0xd0),
        BARE(cpu.write_cr2, 3, 0x0f, 0x22, 0xd7),
        BARE(cpu.read_tsc, 2, 0x0f, 0x31),
        BARE(cpu.swapgs, 3, 0x0f, 0x01, 0xf8),
        BARE(cpu.clts, 2, 0x0f, 0x06),
        BARE(mmu.read_cr3, 3, 0x0f, 0x20, 0xd8),
        BARE(mmu.write_cr3, 3, 0x0f, 0x22, 0xdf),
        BARE(mmu.flush_tlb_one, 3, 0x0f, 0x01, 0x3f),
        BARE(mmu.make_pte, 3, 0x48, 0x89, 0xf8),
        BARE(mmu.pte_val, 3, 0x48, 0x89, 0xf8),
        BARE(mmu.pfn_to_mfn, 3, 0x48, 0x89, 0xf8),
        BARE(mmu.set_pte, 3, 0x48, 0x89, 0x37),
        BARE(mmu.set_pgd, 3, 0x48, 0x89, 0x37),
        BARE(mmu.lazy_enter, 5, 0x0f, 0x1f, 0x44, 0, 0),
        BARE(mmu.announce_table, 5, 0x0f, 0x1f, 0x44, 0, 0),
},
  xen_pv_encodings[] = {
      BARE(flag.irq_disable, 9, 0x65, 0xc6, 0x04, 0x25, 0x41, 0, 0, 0, 1),
      BARE(flag.irq_enable, 10, 0x65, 0xc6, 0x04, 0x25, 0x41, 0, 0, 0, 0, 0xe9),
      BARE(flag.save_fl, 16, 0x65, 0x0f, 0xb7, 0x04, 0x25, 0x40, 0, 0, 0, 0x8d, 0x04, 0x45, 0, 2, 0,
           0),
      BARE(flag.restore_fl, 15, 0x0f, 0xba, 0xe7, 0x09, 0x65, 0x0f, 0x93, 0x04, 0x25, 0x41, 0, 0, 0,
           0x0f, 0x82),
      BARE(cpu.read_cr2, 9, 0x65, 0x48, 0x8b, 0x04, 0x25, 0x50, 0, 0, 0),
      BARE(cpu.write_cr2, 9, 0x65, 0x48, 0x89, 0x3c, 0x25, 0x50, 0, 0, 0),
      BARE(cpu.swapgs, 5, 0x0f, 0x1f, 0x44, 0, 0),
      BARE(cpu.io_delay, 5, 0x0f, 0x1f, 0x44, 0, 0),
};

/* What an op ROM declares to do nothing, or leaves to the kernel (pv/rom/image/head.S). */
static const struct encoding rom_encodings[] = {
    BARE(mmu.lazy_enter, 5, 0x0f, 0x1f, 0x44, 0, 0),
    BARE(mmu.announce_table, 5, 0x0f, 0x1f, 0x44, 0, 0),
    BARE(apic.startup_ipi_hook, 2, 0x31, 0xc0),
};

static bool is_encoded(const struct pv_site *site, const struct encoding *e)
{
    const u8 *code = pv_site_address(site);
    const u8 *const end = code + pv_site_length(site);

    while (*code == 0x2e)
        code++;
    /* A tail's address may follow. */
    return code + e->length <= end &&
           (code + e->length == end || e->bytes[e->length - 1] >= 0x80) &&
           !memcmp(code, e->bytes, e->length);
}

static void expect_encodings(const struct encoding *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct encoding *e = &table[i];
        u32 sites = 0, wrong = 0;

        if (pv_ops.slot[e->op] != original_function(e->op))
            continue; /* replaced by a mutant */
        for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++)
            if (site->op == e->op && site->kind != PV_SITE_JUMP &&
                pv_site_length(site) >= e->length) {
                sites++;
                wrong += !is_encoded(site, e);
            }
        test_expect(sites && !wrong, __FILE__, __LINE__, "%u of %u sites of %s are not as expected",
                    wrong, sites, pv_op_name(e->op));
    }
}

TEST(sites, hot_ops_are_the_instruction_itself)
{
    const bool was = pv_is_patched();

    set_patched(true);
    if (on_xen_pv())
        expect_encodings(xen_pv_encodings, ARRAY_SIZE(xen_pv_encodings));
    else if (!strcmp(pv_backend_name(), "rom"))
        expect_encodings(rom_encodings, ARRAY_SIZE(rom_encodings));
    else
        expect_encodings(native_encodings, ARRAY_SIZE(native_encodings));
    set_patched(was);
}
