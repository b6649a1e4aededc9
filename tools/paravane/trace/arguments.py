# SPDX-License-Identifier: MIT
"""What the fields of a recorded call are: their kinds, their values as numbers, the frames in them.
"""

from . import frames, tables

_DOMAINS = {"SELF": 0x7FF0, "IO": 0x7FF1, "XEN": 0x7FF2, "INVALID": 0x7FF4}
SYMBOLIC = ("port", "handle", "mfn")


def frame_in(line, name, kind, value, is_pv):
    """Return (frame, shift, addend) of a number in a call that has a frame in it, or None."""
    if not is_pv:
        return (value, 0, 0) if kind == "mfn" and value else None
    if kind == "pte":
        is_entry = value & tables.PRESENT and not _is_m2p(line, name)
        return (tables.frame(value), 12, value & ~tables.FRAME_MASK) if is_entry else None
    if kind == "maddr" and name.endswith("].ptr"):
        return value >> 12, 12, value & 0xFFF
    if kind in ("mmuext_arg1", "mmuext_arg2"):
        command = line.fields.get(name.rpartition(".arg")[0] + ".cmd", "")
        is_mfn = (command == "MMUEXT_COPY_PAGE" if kind == "mmuext_arg2"
                  else command in frames.MFN_COMMANDS)
        return (value, 0, 0) if is_mfn and value else None
    if kind == "mfn" and value:
        return (value, 0, 0) if not _is_pfn(line, name) else None
    return None


def _is_m2p(line, name):
    """Return whether an update of mmu_update is one of the M2P, whose value is a pfn."""
    request = line.fields.get(name.replace("].val", "].ptr"), "0")
    return name.endswith("].val") and int(request, 0) & 3 == 1


def _is_pfn(line, name):
    """Return whether what a PV guest's call reads there is its own number of a frame."""
    return line.fields.get("cmd") == "XENMEM_populate_physmap" or ".out.extent_start" in name


def kinds(line, known, call=None):
    """Yield (name, kind) of the fields of a call's memory. call: the call of a return."""
    of = known.call_named(line.name)
    if of is None:
        return
    try:
        command = command_of(call or line, known)
    except ValueError:
        return  # the step reports it
    for at, (name, kind) in enumerate(of.parameters):
        if kind != "pointer":
            continue
        for prefix, arg in memory_args(of, command, at, name):
            for field_ in known.fields_of(arg.type, arg.size):
                for key in line.fields:
                    if element_of(key, prefix, field_.name) is not None:
                        yield key, field_.kind


def command_of(line, known):
    """Return the number of a call's command."""
    of = known.call_named(line.name)
    if of is None or not of.parameters:
        return 0
    name, kind = of.parameters[0]
    return number(line.fields.get(name, "0"), known, kind) & 0xFFFFFFFF


def memory_args(call, command, at, name):
    """Yield (the prefix of its fields, Arg) of the memory to which a parameter leads."""
    arg = call.arg(command, at)
    if arg:
        yield name, arg
        for one in call.lists_of(command):
            if one.argument == at:
                yield f"{name}.{one.pointer}", one


def element_of(key, prefix, field_name):
    """Return the index of the element of which key is that field, or None."""
    if not key.startswith(prefix):
        return None
    rest = key[len(prefix) :]
    if field_name and rest == "." + field_name:
        return 0
    index, bracket, after = rest[1:].partition("]")
    if rest[:1] != "[" or not bracket or not index.isdecimal():
        return None
    return int(index) if after == ("." + field_name if field_name else "") else None


def number(value, known, kind="hex"):
    """Return a value as a number; raise ValueError."""
    if value in _DOMAINS:
        return _DOMAINS[value]
    if value.startswith("0x"):
        return int(value, 16)
    if value.lstrip("-").isdecimal():
        return int(value)
    for known_number, name in known.values.get(kind, {}).items():
        if name == value:
            return known_number
    call = known.call_named(value)
    if kind == "hypercall" and call:
        return call.number
    raise ValueError(f"{value[:40]!r} is not a number, and not a name that this image has")


def given(event, known):
    """Yield (name, kind, value) of what a call has returned in the memory of its arguments."""
    if event.line.kind != "call" or not event.end:
        return
    of = dict(kinds(event.end, known, event.line))
    for name, value in event.written.items():
        if of.get(name) in SYMBOLIC:
            yield name, of[name], value


def bytes_of(value):
    if not value.startswith("hex:"):
        raise ValueError(f"{value[:40]!r} is not 'hex:' and bytes")
    return bytes.fromhex(value[4:])
