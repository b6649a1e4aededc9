# SPDX-License-Identifier: MIT
"""Which calls of a recording are replayed, and why others are not."""

from . import arguments

# Calls that mean the same wherever they are made: the command, or None for all.
_REPLAYED = {
    "xen_version": None,
    "event_channel_op": {"EVTCHNOP_alloc_unbound", "EVTCHNOP_bind_interdomain", "EVTCHNOP_bind_ipi",
                         "EVTCHNOP_close", "EVTCHNOP_send", "EVTCHNOP_status", "EVTCHNOP_unmask",
                         "EVTCHNOP_set_priority"},
    "vcpu_op": {"VCPUOP_is_up", "VCPUOP_get_physid"},
    "sched_op": {"SCHEDOP_yield", "SCHEDOP_poll"},
    "memory_op": {"XENMEM_populate_physmap", "XENMEM_decrease_reservation", "XENMEM_exchange",
                  "XENMEM_maximum_ram_page", "XENMEM_current_reservation",
                  "XENMEM_maximum_reservation", "XENMEM_maximum_gpfn"},
    "grant_table_op": {"GNTTABOP_query_size", "GNTTABOP_get_version", "GNTTABOP_setup_table"},
    "hvm_op": {"HVMOP_get_param", "HVMOP_flush_tlbs"},
}
# And these, if the recording has the tables.
_TABLES = ("mmu_update", "mmuext_op", "update_va_mapping")
# Why others are not, by name.
_REASONS = {
    "page tables, which this recording does not have": (
        *_TABLES, "update_va_mapping_otherdomain"),
    "registers and tables of the vCPU that replays": (
        "set_trap_table", "set_gdt", "stack_switch", "set_callbacks", "fpu_taskswitch",
        "set_debugreg", "get_debugreg", "update_descriptor", "set_segment_base", "callback_op",
        "physdev_op"),
    "output": ("console_io",),
}
_PORT_REASON = "ports that such a call has bound"
_OTHER_REASON = "state that the replaying kernel has by itself"


def reason(event, has_tables):
    """Return why a hypercall is not replayed, or ""."""
    line = event.line
    if line.kind == "code" or line.fields.get("by") == "code":
        return ""
    if has_tables and line.name in _TABLES:
        return ""
    commands = _REPLAYED.get(line.name, ())
    if commands is None or line.fields.get("cmd") in commands:
        return ""
    return next((why for why, names in _REASONS.items() if line.name in names), _OTHER_REASON)


def reason_of_port(event, known, foreign):
    """Return why a call of the kernel's on such a port is left out, or ""."""
    if event.line.kind == "code" or event.line.fields.get("by") == "code":
        return ""
    ports = [event.line.fields[name] for name, kind in arguments.kinds(event.line, known)
             if kind == "port"]
    return _PORT_REASON if foreign.intersection(ports) else ""
