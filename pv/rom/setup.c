/* SPDX-License-Identifier: MIT */
/*
 * The op ROM backend: the other side of the debate of 2007, for comparison. Some of the ops are
 * code that the kernel was not built with: a ROM, which the firmware has loaded (abi.h). All others
 * are native.
 *
 * early_init copies the native tables and puts the addresses of the ROM's calls into them; the call
 * sites are led there by patching, like those of any backend. A ROM that cannot be used is named on
 * the console, and the machine runs on the native backend: pv_select then continues. With pv=rom
 * the reason ends the run.
 */
#include "pv/rom/rom.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/backend.h"
#include "pv/native/native.h"
#include "pv/patch/patch.h"
#include "pv/selectors.h"

struct rom_image rom_loaded; /* Written: by early_init, on one CPU */

/* Written: by early_init, before pv_select copies them into pv_ops. */
static struct pv_ops rom_tables;

static const char *rom_probe(enum boot_protocol protocol)
{
    struct rom_image rom;

    if (protocol == BOOT_XEN_PV)
        return "a Xen PV guest runs at CPL 3: the CPU is Xen's";
    return rom_find(&native_low_memory, &rom) ? NULL : "firmware has loaded no op ROM";
}

/* Copy the native tables of all classes but setup, whose table is below. */
static void fill_native_tables(void)
{
#define PV_CLASS_BEGIN(class) rom_tables.class = native_##class##_ops;
#define PV_OP(class, ret, name, params, args)
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
}

/* Copy the ROM into the kernel's text. It is position independent. */
static void copy_rom(struct rom_image *rom)
{
    memcpy(pv_rom_area, rom->bytes, rom->header.size);
    rom->bytes = pv_rom_area;
    pv_sync_core();
}

static const void *rom_address(const struct rom_call *call)
{
    return call->kind == ROM_NOTHING ? (const void *)rom_nothing : pv_rom_area + call->target;
}

/* Return whether the ROM agrees to serve this kernel. */
static bool rom_agrees(const struct rom_image *rom)
{
    const union {
        const u8 *address;
        u32 (*init)(u32 major, u32 minor);
    } entry = {.address = pv_rom_area + rom->header.init};

    return !entry.init(ROM_MAJOR, ROM_MINOR);
}

static void use_calls(const struct rom_image *rom)
{
    for (u32 i = 0; i < rom->header.nr_calls; i++) {
        const struct rom_call call = rom_get_call(rom, i);
        const struct rom_known_call *const known = rom_known_call(call.number);

        if (known)
            rom_tables.slot[known->op] = rom_address(&call);
    }
}

/* Return why the machine's ROM cannot be used: a text that stays valid. */
static const char *load_rom(void)
{
    static char text[ROM_WHY_MAX + 32]; /* Written: by early_init */
    char why[ROM_WHY_MAX];

    if (!rom_find(&native_low_memory, &rom_loaded))
        return "firmware has loaded no op ROM";
    if (!rom_check(&native_low_memory, &rom_loaded, why)) {
        ksnprintf(text, sizeof(text), "the op ROM at %#llx: %s", (unsigned long long)rom_loaded.pa,
                  why);
        return text;
    }
    copy_rom(&rom_loaded);
    return rom_agrees(&rom_loaded) ? NULL : "the op ROM refuses this kernel's version";
}

static const char *rom_early_init(u64 loader_info)
{
    const char *why_not = native_early_init(loader_info);

    if (why_not)
        return why_not;
    why_not = load_rom();
    if (why_not) {
        pv_raw_print("paravane: backend rom refuses: %s\n", why_not);
        return why_not;
    }
    fill_native_tables();
    use_calls(&rom_loaded);
    return NULL;
}

static void rom_banner(char *text, size_t cap)
{
    const struct rom_header *const h = &rom_loaded.header;

    ksnprintf(text, cap, "op ROM version %u.%u: %s", h->major, h->minor, h->name);
}

static const struct pv_setup_ops rom_setup_ops = {
    .early_init = rom_early_init,
    .trap_init = native_trap_init,
    .memory_map = native_memory_map,
    .platform_init = native_platform_init,
    .banner = rom_banner,
    .console_write = native_console_write,
    .console_read = native_console_read,
    .shutdown = native_shutdown,
    .suspend = native_suspend,
};

const struct pv_backend pv_backend_rom = {
    .name = "rom",
    .probe = rom_probe,
    .raw_write = native_raw_write,
    .raw_end = native_raw_end,
    .setup = &rom_setup_ops,
    .irq = &rom_tables.irq,
    .time = &rom_tables.time,
    .cpu = &rom_tables.cpu,
    .kernel_cs = KERNEL_CS,
    .kernel_ss = KERNEL_DS,
    .mmu = &rom_tables.mmu,
    .host = &rom_tables.host,
    .flag = &rom_tables.flag,
    .apic = &rom_tables.apic,
    .lock = &rom_tables.lock,
    .smp = &rom_tables.smp,
    .domain = &rom_tables.domain,
};
