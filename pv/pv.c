/* SPDX-License-Identifier: MIT */
/*
 * The selection of a backend: the kernel's first act. Each backend is asked whether it can run on
 * this machine; the first that can has its class tables copied into pv_ops. From then on ops work.
 */
#include "lib/format.h"
#include "lib/string.h"
#include "pv/early.h"
#include "pv/patch/patch.h"

/* Written: early, on one CPU, and when another backend is forced; so are all variables here. */
const struct pv_callbacks *pv_callbacks = &pv_early_callbacks;
const void *pv_vector_entry, *pv_vector_entry_isolated;

/* In order of preference. The last, bare metal, accepts every machine that no other does. */
static const struct pv_backend *const backends[] = {
    &pv_backend_xen_pv,  /* detected by the protocol of the entry */
    &pv_backend_xen_pvh, /* by CPUID */
    &pv_backend_vmware,  /* by CPUID, or by firmware */
    &pv_backend_rom,     /* by firmware's option ROMs */
    &pv_backend_kvm,     /* by CPUID */
    &pv_backend_hyperv,  /* by CPUID; after KVM, which may show both interfaces */
    &pv_backend_native,
};

/* Those that pv=NAME selects and no machine is detected for (PV_BACKEND_BY_NAME). */
extern const struct pv_backend *const _backends_by_name_start[], *const _backends_by_name_end[];

static const struct pv_backend *selected; /* Written: by pv_select */

/* The arguments of pv_select, for pv_select_forced. Written: by pv_select. */
static enum boot_protocol entry_protocol;
static u64 entry_loader_info;

void pv_set_callbacks(const struct pv_callbacks *callbacks)
{
    pv_callbacks = callbacks;
}

const char *pv_backend_name(void)
{
    return selected ? selected->name : "none";
}

u16 pv_kernel_cs(void)
{
    return selected->kernel_cs;
}

u16 pv_kernel_ss(void)
{
    return selected->kernel_ss;
}

bool pv_cpus_are_up(u64 cpus)
{
    for (; cpus; cpus &= cpus - 1)
        if (!pv_cpu_is_up((u32)__builtin_ctzll(cpus)))
            return false;
    return true;
}

/* Written: by kernel_early. */
__noreturn void (*pv_panic_handler)(const char *op, const char *what) = pv_early_panic;

void pv_panic(const char *op, const char *fmt, ...)
{
    char what[128];
    va_list ap;

    va_start(ap, fmt);
    kvsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    pv_panic_handler(op, what);
}

static void drop_warning(const char *what)
{
    (void)what;
}
/* Written: by kernel_early. */
void (*pv_warn_handler)(const char *what) = drop_warning;

void pv_warn(const char *fmt, ...)
{
    char what[128];
    va_list ap;

    va_start(ap, fmt);
    kvsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    pv_warn_handler(what);
}

/* Point each slot that a backend leaves empty at pv_missing, which reports a call and panics. */
static void fill_empty_slots(void)
{
    for (u32 op = 0; op < PV_NR_OPS; op++)
        if (!pv_ops.slot[op])
            pv_ops.slot[op] = pv_missing;
}

/* Copy the backend's class tables into the flat table. */
static void fill_table(const struct pv_backend *backend)
{
#define PV_CLASS_BEGIN(class) pv_ops.class = *backend->class;
#define PV_OP(class, ret, name, params, args)
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
    fill_empty_slots();
    selected = backend;
}

/* Try to select the backend. An exception is reported from trap_init on, early_init's too. */
static const char *try_backend(const struct pv_backend *backend)
{
    const char *why_not = backend ? backend->probe(entry_protocol) : "not in this image";

    if (why_not)
        return why_not;
    backend->setup->trap_init();
    why_not = backend->setup->early_init(entry_loader_info);
    if (!why_not)
        fill_table(backend);
    return why_not;
}

/* Have early reports written by the first backend whose probe accepts this machine. */
static void find_raw_console(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
        if (backends[i] && !backends[i]->probe(entry_protocol)) {
            pv_early_use(backends[i]);
            return;
        }
}

const struct pv_backend *pv_select(enum boot_protocol protocol, u64 loader_info)
{
    const char *why_not[ARRAY_SIZE(backends)];

    entry_protocol = protocol;
    entry_loader_info = loader_info;
    find_raw_console();
    fill_empty_slots(); /* all of them: an op called too early is reported */
    for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
        why_not[i] = try_backend(backends[i]);
        if (!why_not[i])
            return backends[i];
    }
    for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
        if (backends[i])
            pv_raw_print("paravane: backend %s refuses: %s\n", backends[i]->name, why_not[i]);
    return NULL;
}

const struct pv_backend *pv_backend_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
        if (backends[i] && !strcmp(backends[i]->name, name))
            return backends[i];
    for (const struct pv_backend *const *b = _backends_by_name_start; b < _backends_by_name_end;
         b++)
        if (!strcmp((*b)->name, name))
            return *b;
    return NULL;
}

const char *pv_select_forced(const char *name)
{
    const struct pv_backend *backend = pv_backend_named(name);

    if (!backend)
        return "no such backend; known are: xen-pv, xen-pvh, vmware, rom, kvm, hyperv, native, "
               "stub (the bare kernel has only those of Xen, and native)";
    return backend == selected ? NULL : try_backend(backend);
}
