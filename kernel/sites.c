/* SPDX-License-Identifier: MIT */
/* Patch the call sites of ops at boot, and list them for pv.sites (kernel/sites.h). */
#include "kernel/sites.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/registry.h"
#include "lib/format.h"

const char *const sites_states[PV_NR_STATES] = {
    [PV_STATE_INDIRECT] = "indirect", [PV_STATE_DIRECT] = "direct", [PV_STATE_INLINE] = "inline",
    [PV_STATE_NOTHING] = "nothing",   [PV_STATE_TRAP] = "trap",
};

const char *sites_code_text(const struct pv_site_code *code, char room[SYMTAB_NAME_MAX])
{
    const u64 target = (u64)code->target;
    u64 offset;

    if (!target)
        return code->text;
    if (!symtab_lookup(&kernel_symtab, target, room, &offset))
        ksnprintf(room, SYMTAB_NAME_MAX, "%016llx", (unsigned long long)target);
    return room;
}

void sites_print(const struct pv_site *site, const struct pv_site_code *code)
{
    const u64 address = (u64)code->site.at;
    char name[SYMTAB_NAME_MAX];
    u64 offset;

    print("# site %016llx", (unsigned long long)address);
    if (symtab_lookup(&kernel_symtab, address, name, &offset))
        print(" %s+%#llx", name, (unsigned long long)offset);
    print(" %s %s ", pv_op_name(site->op), sites_states[code->state]);
    for (u32 i = 0; i < pv_site_length(site); i++)
        print("%02x", ((const u8 *)address)[i]);
    print(" %s\n", sites_code_text(code, name));
}

static void print_sites(void)
{
    u32 counts[PV_NR_STATES] = {0};

    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++) {
        struct pv_site_code code;

        pv_site_code(site, &code);
        counts[code.state]++;
        sites_print(site, &code);
    }
    print("# %u call sites of ops", (u32)(pv_sites_end - pv_sites));
    for (u32 state = 0; state < PV_NR_STATES; state++)
        print(", %u %s", counts[state], sites_states[state]);
    print("\n");
}

static void start_recording(void)
{
    const char *error = apply_op_change("record", cmdline.record);

    if (error)
        finish(VERDICT_ERROR, "record=%s: %s", cmdline.record, error);
}

void sites_init(void)
{
    if (cmdline.record[0])
        start_recording();
    if (!cmdline.nopatch)
        pv_patch(true);
    if (cmdline.sites)
        print_sites();
}
