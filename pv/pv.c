/*
 * Selection: which backend, and its class tables copied into the flat one. The kernel's first act;
 * everything else goes through the table that this file fills.
 */
#include "lib/format.h"
#include "lib/string.h"
#include "pv/patch.h"

const struct pv_upcalls *pv_upcalls;
const void *pv_vector_entry, *pv_vector_entry_isolated;

/* In order of preference: what knows the hypervisor best comes first, bare metal last. */
static const struct pv_backend *const backends[] = {
    &pv_backend_xen_pv,
    &pv_backend_xen_pvh,
    &pv_backend_native,
};

static const struct pv_backend *selected;

/* How we were entered: kept for pv_select_forced. */
static enum boot_protocol entry_protocol;
static u64 entry_loader_info;

void pv_set_upcalls(const struct pv_upcalls *upcalls)
{
    pv_upcalls = upcalls;
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

static __noreturn void halt_here(const char *op, const char *what)
{
    (void)op;
    (void)what;
    for (;;)
        barrier();
}
__noreturn void (*pv_panic_handler)(const char *op, const char *what) = halt_here;

void pv_panic(const char *op, const char *fmt, ...)
{
    char what[128];
    va_list ap;

    va_start(ap, fmt);
    kvsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    pv_panic_handler(op, what);
}

/* How many ops each class has. */
static const u8 class_sizes[] = {
#define PV_CLASS_BEGIN(class) sizeof(struct pv_##class##_ops) / sizeof(void *),
#define PV_OP(class, ret, name, params, args)
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
};

/* A class's table is an array of functions; the flat one is these arrays in a row. */
static void fill_table(const struct pv_backend *backend)
{
    const void *const *const *const tables = (const void *const *const *)&backend->setup;
    u32 op = 0;

    for (u32 class = 0; class < ARRAY_SIZE(class_sizes); class ++)
        for (u32 i = 0; i < class_sizes[class]; i++)
            pv_set_op(op++, tables[class][i]);
    selected = backend;
}

static const char *try_backend(const struct pv_backend *backend)
{
    const char *why_not = backend->probe(entry_protocol);

    if (!why_not)
        why_not = backend->setup->early_init(entry_loader_info);
    if (!why_not)
        fill_table(backend);
    return why_not;
}

const struct pv_backend *pv_select(enum boot_protocol protocol, u64 loader_info)
{
    entry_protocol = protocol;
    entry_loader_info = loader_info;
    for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
        if (!try_backend(backends[i]))
            return backends[i];
    return NULL;
}

const char *pv_select_forced(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
        if (!strcmp(backends[i]->name, name))
            return backends[i] == selected ? NULL : try_backend(backends[i]);
    return "no such backend; known are: xen-pv, xen-pvh, native";
}
