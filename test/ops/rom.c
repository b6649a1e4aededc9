/* SPDX-License-Identifier: MIT */
/*
 * An op ROM: the ops that it has are its own, the others native; its code is in the kernel's text,
 * and patched call sites lead there.
 */
#include "pv/rom/rom.h"
#include "lib/string.h"
#include "pv/backend.h"
#include "pv/patch/patch.h"
#include "test/harness/mm_util.h"
#include "test/harness/test.h"

#define NEEDS_ROM \
    do { \
        if (strcmp(pv_backend_name(), "rom")) \
            SKIP("no op ROM"); \
    } while (0)

/* Return the function that the ROM gives an op, or NULL if it leaves the op to the kernel. */
static __noinline const void *function_of_rom(u32 op)
{
    for (u32 i = 0; i < rom_loaded.header.nr_calls; i++) {
        const struct rom_call call = rom_get_call(&rom_loaded, i);
        const struct rom_known_call *const known = rom_known_call(call.number);

        if (known && known->op == op)
            return call.kind == ROM_NOTHING ? (const void *)rom_nothing : pv_rom_area + call.target;
    }
    return NULL;
}

static __noinline const void *function_of_native(u32 op)
{
#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args) \
    if (op == PV_INDEX(class.name)) \
        return pv_backend_native.class->name;
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
    return NULL;
}

TEST(rom, ops_are_the_roms_or_native, early_init)
{
    u32 from_rom = 0, others = 0;

    NEEDS_ROM;
    for (u32 op = 0; op < PV_NR_OPS; op++) {
        const void *const of_rom = function_of_rom(op);

        from_rom += of_rom && pv_ops.slot[op] == of_rom;
        others += pv_ops.slot[op] != (of_rom ? of_rom : function_of_native(op));
    }
    print("# %u ops are the ROM's\n", from_rom);
    EXPECT(from_rom >= 1);
    /* early_init and banner are the backend's; a mutant and check=context replace others */
    EXPECT(others == 2 || cmdline.mutate[0] || cmdline.check[0]);
}

TEST(rom, code_cannot_be_written, early_init, install_tables)
{
    struct fault fault = {0};
    u64 value = 0;

    NEEDS_ROM;
    EXPECT(try_read((u64)pv_rom_area, &value, &fault));
    EXPECT_EQ((u16)value, 0xaa55);
    EXPECT(!try_write((u64)pv_rom_area, 0, &fault));
    EXPECT_EQ(fault.vector, VECTOR_PF);
}

static bool leads_into_rom(const struct pv_site_code *code)
{
    const u64 target = (u64)code->target;

    return code->state == PV_STATE_DIRECT && target >= (u64)pv_rom_area &&
           target < (u64)pv_rom_area + rom_loaded.header.size;
}

/* An op of the ROM is a direct call into it, or a no-op; none has kept the native instruction. */
TEST(rom, patched_sites_lead_into_the_rom)
{
    u32 direct = 0, nothing = 0, wrong = 0;
    struct pv_site_code code;

    NEEDS_ROM;
    if (!pv_is_patched())
        SKIP("nopatch: the sites are as they were linked");
    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++) {
        const void *const of_rom = function_of_rom(site->op);

        if (!of_rom || pv_ops.slot[site->op] != of_rom)
            continue;
        pv_site_code(site, &code);
        direct += leads_into_rom(&code);
        nothing += code.state == PV_STATE_NOTHING;
        wrong += !leads_into_rom(&code) && code.state != PV_STATE_NOTHING;
    }
    print("# %u sites call the ROM, %u became no-ops\n", direct, nothing);
    EXPECT_EQ(wrong, 0);
    EXPECT(direct && (nothing || cmdline.mutate[0] || cmdline.check[0]));
}
