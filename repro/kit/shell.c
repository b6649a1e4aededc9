/* SPDX-License-Identifier: MIT */
/*
 * The monitor's view of Xen (test/shell/shell.h): which hypercalls an op has made, hypercalls of
 * the person's own, and event-channel ports. It is here because only repros know hypercalls.
 */
#include "lib/string.h"
#include "pv/xen/hypercall.h"
#include "repro/kit.h"
#include "test/shell/shell.h"

static const char *const names[XEN_HYPERCALL_NUMBERS] = {
#define NAME(ident) [__HYPERVISOR_##ident] = #ident
    NAME(set_trap_table),
    NAME(mmu_update),
    NAME(set_gdt),
    NAME(stack_switch),
    NAME(set_callbacks),
    NAME(fpu_taskswitch),
    NAME(platform_op),
    NAME(set_debugreg),
    NAME(get_debugreg),
    NAME(update_descriptor),
    NAME(memory_op),
    NAME(multicall),
    NAME(update_va_mapping),
    NAME(set_timer_op),
    NAME(xen_version),
    NAME(console_io),
    NAME(grant_table_op),
    NAME(vm_assist),
    NAME(update_va_mapping_otherdomain),
    NAME(iret),
    NAME(vcpu_op),
    NAME(set_segment_base),
    NAME(mmuext_op),
    NAME(xsm_op),
    NAME(nmi_op),
    NAME(sched_op),
    NAME(callback_op),
    NAME(xenoprof_op),
    NAME(event_channel_op),
    NAME(physdev_op),
    NAME(hvm_op),
    NAME(sysctl),
    NAME(domctl),
    NAME(kexec_op),
};

static u64 before[XEN_HYPERCALL_NUMBERS], made[XEN_HYPERCALL_NUMBERS];
static u64 updates_before, updates;

static bool has_hypervisor(void)
{
    return !strncmp(pv_backend_name(), "xen", 3);
}

void shell_hypercalls_begin(void)
{
    memcpy(before, xen_hypercalls_by, sizeof(before));
    updates_before = xen_updates;
}

u64 shell_hypercalls_end(void)
{
    u64 sum = 0;

    for (u32 i = 0; i < XEN_HYPERCALL_NUMBERS; i++) {
        made[i] = xen_hypercalls_by[i] - before[i];
        sum += made[i];
    }
    updates = xen_updates - updates_before;
    return sum;
}

static const char *name_of(u32 number)
{
    return names[number] ? names[number] : "another";
}

void shell_hypercalls_print(void)
{
    bool any = false;

    for (u32 i = 0; i < XEN_HYPERCALL_NUMBERS; i++) {
        if (!made[i])
            continue;
        print("%s%s", any ? ", " : "hypercalls: ", name_of(i));
        if (made[i] > 1)
            print(" %llu times", (unsigned long long)made[i]);
        any = true;
    }
    print("%s", any ? "" : "no hypercall");
    if (updates)
        print(" (%llu update%s)", (unsigned long long)updates, updates > 1 ? "s" : "");
}

/* ---- Hypercalls of the person's own */

static u32 find_hypercall(const char *name)
{
    for (u32 i = 0; i < XEN_HYPERCALL_NUMBERS; i++)
        if (names[i] && !strcmp(names[i], name))
            return i;
    return XEN_HYPERCALL_NUMBERS;
}

struct own_call {
    u64 number, args[5];
    long result;
};

static void make_own_call(void *arg)
{
    struct own_call *c = arg;

    c->result = hypercall((unsigned int)c->number, c->args[0], c->args[1], c->args[2], c->args[3],
                          c->args[4]);
}

/* Xen writes to the addresses that it gets, so few hypercalls are harmless. */
static const char *own_call_rule(const struct own_call *c)
{
    if (c->number == __HYPERVISOR_xen_version &&
        (!c->args[1] || shell_buffer_room(c->args[1]) == PAGE_SIZE))
        return NULL;
    if (c->number == __HYPERVISOR_sched_op && c->args[0] == SCHEDOP_yield)
        return NULL;
    if (c->number == __HYPERVISOR_get_debugreg)
        return NULL;
    return "Xen may change the kernel's memory, tables or events; only xen_version (with 0 or the "
           "start of a buffer), sched_op 0 (yield) and get_debugreg are harmless";
}

static bool parse_own_call(struct own_call *c, const struct words *words)
{
    const u32 found = find_hypercall(words->word[1]);

    c->number = found;
    if (found == XEN_HYPERCALL_NUMBERS &&
        !shell_number(words->word[1], "hypercall", 255, &c->number))
        return false;
    for (u32 i = 2; i < words->count; i++)
        if (!shell_value(words->word[i], &c->args[i - 2]))
            return false;
    return true;
}

static void list_hypercalls(void)
{
    for (u32 i = 0; i < XEN_HYPERCALL_NUMBERS; i++)
        if (names[i])
            print("  %2u %s: %llu so far\n", i, names[i], (unsigned long long)xen_hypercalls_by[i]);
}

SHELL_COMMAND(hypercall, "[NAME|NUMBER ARGUMENT...]",
              "make a hypercall; alone: list and count them")
{
    struct own_call c = {0};
    struct shell_trial t;

    if (!has_hypervisor()) {
        shell_error("%s is not a hypervisor: there are no hypercalls", pv_backend_name());
        return;
    }
    if (words->count == 1) {
        list_hypercalls();
        return;
    }
    if (words->count > 7) {
        shell_error("a hypercall takes up to 5 arguments");
        return;
    }
    if (!parse_own_call(&c, words) || shell_refuses(really, own_call_rule(&c)))
        return;
    if (!shell_try(&t, make_own_call, &c)) {
        shell_print_trial(&t);
        return;
    }
    print("%s = %ld", c.number < XEN_HYPERCALL_NUMBERS ? name_of((u32)c.number) : "hypercall",
          c.result);
    if (c.result < 0 && shell_error_name((u64)-c.result))
        print(" (%s)", shell_error_name((u64)-c.result));
    print("\n");
    shell_set("r", (u64)c.result);
}

/* ---- Event channels */

static const char *const kinds[] = {
    [EVTCHNSTAT_unbound] = "unbound",
    [EVTCHNSTAT_interdomain] = "to another domain",
    [EVTCHNSTAT_pirq] = "physical interrupt",
    [EVTCHNSTAT_virq] = "virtual interrupt",
    [EVTCHNSTAT_ipi] = "IPI",
};

#define PORTS_SHOWN 4096

SHELL_COMMAND(events, "", "list the event-channel ports, as Xen reports them")
{
    u32 shown = 0;

    if (!has_hypervisor()) {
        print("%s has no event channels; irqs lists the lines\n", pv_backend_name());
        return;
    }
    for (u32 port = 1; port < PORTS_SHOWN; port++) {
        struct evtchn_status s = {.dom = DOMID_SELF, .port = port};

        if (hc_event_channel_op(EVTCHNOP_status, &s))
            break;
        if (s.status == EVTCHNSTAT_closed || s.status >= ARRAY_SIZE(kinds))
            continue;
        print("  port %u: CPU %u, %s", port, s.vcpu, kinds[s.status]);
        if (s.status == EVTCHNSTAT_virq)
            print(" %u", s.u.virq);
        print("\n");
        shown++;
    }
    print("%u ports are in use\n", shown);
}
