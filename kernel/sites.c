/* See kernel/sites.h. */
#include "kernel/sites.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/symtab.h"
#include "lib/format.h"
#include "pv/patch.h"

static const char *const forms[PV_NR_STATES] = {
    [PV_STATE_INDIRECT] = "indirect", [PV_STATE_DIRECT] = "direct", [PV_STATE_INLINE] = "inline",
    [PV_STATE_NOTHING] = "nothing",   [PV_STATE_TRAP] = "trap",
};

/* The code, or whose address a branch goes to; room is for a name. */
static const char *what(const struct pv_site_code *code, char room[SYMTAB_NAME_MAX])
{
    u64 offset;

    if (code->target && symtab_lookup(&kernel_symtab, (u64)code->target, room, &offset))
        return room;
    return code->text;
}

static void print_site(const struct pv_site *site)
{
    const u64 address = (u64)pv_site_address(site);
    char function[SYMTAB_NAME_MAX] = "", name[SYMTAB_NAME_MAX];
    struct pv_site_code code;
    u64 offset = 0;

    symtab_lookup(&kernel_symtab, address, function, &offset);
    pv_site_code(site, &code);
    print("# site %016llx %s+%#llx %s %s %s\n", (unsigned long long)address, function,
          (unsigned long long)offset, pv_op_name(site->op), forms[code.state], what(&code, name));
}

static void count(u32 op, u32 counts[PV_NR_STATES], struct pv_site_code *last)
{
    struct pv_site_code code;

    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++)
        if (op == PV_NR_OPS || site->op == op) {
            pv_site_code(site, &code);
            counts[code.state]++;
            last[code.state] = code;
        }
}

void sites_print_by_op(void)
{
    for (u32 op = 0; op < PV_NR_OPS; op++) {
        struct pv_site_code last[PV_NR_STATES];
        u32 counts[PV_NR_STATES] = {0};
        char name[SYMTAB_NAME_MAX];

        count(op, counts, last);
        for (u32 state = 0; state < PV_NR_STATES; state++)
            if (counts[state])
                print("# site %s %s %u %s\n", pv_op_name(op), forms[state], counts[state],
                      what(&last[state], name));
    }
}

static void print_summary(void)
{
    struct pv_site_code last[PV_NR_STATES];
    u32 counts[PV_NR_STATES] = {0};
    char text[96] = "";
    size_t length = 0;

    count(PV_NR_OPS, counts, last);
    for (u32 state = 0; state < PV_NR_STATES; state++)
        length +=
            ksnprintf(text + length, sizeof(text) - length, ", %u %s", counts[state], forms[state]);
    print("# %u call sites of ops%s\n", (u32)(pv_sites_end - pv_sites), text);
}

void sites_init(void)
{
    if (!cmdline.nopatch)
        pv_patch(true);
    if (!cmdline.sites)
        return;
    for (const struct pv_site *site = pv_sites; site < pv_sites_end; site++)
        print_site(site);
    print_summary();
}
