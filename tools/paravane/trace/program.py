# SPDX-License-Identifier: MIT
"""Compile a recording to the program that the image replays (steps.py has its layout).

Numbers that another run would have otherwise become symbols: frames of the guest's, and what a call
returns and a later one takes, such as a port.
"""

import struct

from . import frames, layouts as layout, tables, text
from .steps import (CALL, CODE, FILL, OWN_ROOT, REGISTERS, WORD, Bind, Program, Relocation,
                    Step)

BUFFER = 32 << 10
SYMBOLS_MAX = 131072
_ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
_COMPAT = ("rbx", "rcx", "rdx", "rsi", "rdi")
_DOMAINS = {"SELF": 0x7FF0, "IO": 0x7FF1, "XEN": 0x7FF2, "INVALID": 0x7FF4}
SYMBOLIC = ("port", "handle", "mfn")
_OUT_ROOM = 4096
_ENTRY_LITERAL, _ENTRY_OWN = 1 << 62, 1 << 61
# Bits of an entry that Xen sets by itself: global, and the mark of the kernel's pages.
_XEN_BITS = 1 << 8 | 1 << 52

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
    "grant_table_op": {"GNTTABOP_query_size", "GNTTABOP_get_version"},
    "hvm_op": {"HVMOP_get_param", "HVMOP_flush_tlbs"},
    "get_debugreg": None,
}
# And these, if the recording has the tables.
_TABLES = ("mmu_update", "mmuext_op", "update_va_mapping")
# Why others are not, by name.
_REASONS = {
    "page tables, which this recording does not have": (
        *_TABLES, "update_va_mapping_otherdomain"),
    "registers and tables of the vCPU that replays": (
        "set_trap_table", "set_gdt", "stack_switch", "set_callbacks", "fpu_taskswitch",
        "set_debugreg", "update_descriptor", "set_segment_base", "callback_op", "physdev_op"),
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


def compile_(events, known):
    """Return the Program of Events, for an image with these Layouts. Raise text.Bad, which names
    the record, for one that cannot be replayed."""
    program, chosen = Program(), []
    of_guest = frames.Frames()
    foreign = set()  # ports that calls have bound which are left out
    for event in events:
        if event.line.kind in ("frames", "table"):
            _checked(event, of_guest.add, event.line)
    for event in events:
        if event.line.kind == "table" and of_guest.are_known:
            chosen.append(event)
        if not event.is_call:
            continue
        why = reason(event, of_guest.are_known) or _reason_of_port(event, known, foreign)
        bound = {value for kind, value in _given(event, known) if kind == "port"}
        foreign = foreign | bound if why else foreign - bound
        if why:
            program.left[why] = program.left.get(why, 0) + 1
        else:
            chosen.append(event)
    symbols = _Symbols(chosen, known, of_guest)
    for event in chosen:
        program.steps.append(_checked(event, _StepMaker(event, known, symbols).step))
    program.words, program.mfns = symbols.words, symbols.mfns
    if len(program.words) > SYMBOLS_MAX:
        raise text.Bad(f"it has {len(program.words)} frames and ports, more than {SYMBOLS_MAX}",
                       "replay a part of it")
    return program


def _checked(event, function, *arguments):
    """Return the function's value; raise text.Bad, which names the record, if it makes no sense."""
    try:
        return function(*arguments)
    except (ValueError, KeyError, IndexError) as error:
        raise text.Bad(f"record {event.line.sequence}, {event.line.name}: {error}",
                       "remove that record, and replay the rest") from error


def _reason_of_port(event, known, foreign):
    """Return why a call of the kernel's on such a port is left out, or ""."""
    if event.line.kind == "code" or event.line.fields.get("by") == "code":
        return ""
    ports = [event.line.fields[name] for name, kind in kinds(event.line, known) if kind == "port"]
    return _PORT_REASON if foreign.intersection(ports) else ""


def _given(event, known):
    """Yield (kind, value) of what a call has returned in the memory of its arguments."""
    if event.line.kind != "call" or not event.end:
        return
    of = dict(kinds(event.end, known, event.line))
    for name, value in event.written.items():
        if of.get(name) in SYMBOLIC:
            yield of[name], value


class _Symbols:
    """The numbers that are symbols. words: their initial values."""

    def __init__(self, events, known, of_guest):
        self.words, self.mfns = [], {}
        self.frames = of_guest
        self._numbers = {}
        self._filled = set()  # tables whose lines precede
        self._roots = {}  # CPU: mfn of the root that it has loaded, if not the kernel's
        for event in events:
            if of_guest.are_known and event.line.kind == "call":
                self._look_at(event, known)

    def _look_at(self, event, known):
        """Find the frames that need one of their own."""
        line = event.line
        for kind, value in _given(event, known):
            if kind == "mfn":
                order = int(line.fields.get("arg.out.extent_order", "0"), 0)
                self.frames.add_returned(int(value, 0), 1 << min(order, 9))
        for name, kind in kinds(line, known):
            value = line.fields.get(name, "0")
            try:
                found = frame_in(line, name, kind, number(value, known, kind), True)
            except ValueError:
                continue  # the step reports it
            if found and kind not in ("pte",):
                self.frames.add_special(found[0])

    def of_frame(self, mfn):
        """Return the symbol of a frame, or None if its number stays."""
        found = self.frames.key(mfn)
        return found and self._symbol(*found)

    def of_returned(self, kind, value):
        """Return the symbol that a returned number gives a value to, or None."""
        if kind != "mfn":
            return self._symbol((kind, value), frames.ZERO)
        key, _ = self.frames.key(int(value, 0)) or (("", 0), 0)
        return self._symbol(key, frames.ZERO) if key[0] == "mfn" else None

    def of_number(self, kind, value):
        """Return the symbol of a port or handle that a call has returned before, or None."""
        return self._numbers.get((kind, value))

    def _symbol(self, key, word):
        if key not in self._numbers:
            self._numbers[key] = len(self.words)
            if isinstance(key[1], int):
                self.mfns[len(self.words)] = key[1]
            self.words.append(word)
        return self._numbers[key]

    def root(self, line):
        """Return the symbol of the root on which the CPU of this line is."""
        return self.of_frame(self._roots.get(line.cpu, self.frames.root))

    def has_root(self, line):
        """Return whether that root is in the recording, and before this line."""
        return self._roots.get(line.cpu, self.frames.root) in self._filled

    def load_root(self, line, mfn):
        self._roots[line.cpu] = mfn

    def fill(self, mfn):
        """Note that the entries of a table are known; return its symbol."""
        self._filled.add(mfn)
        return self.of_frame(mfn)


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
        for prefix, arg in _memory_args(of, command, at, name):
            for field_ in known.fields_of(arg.type, arg.size):
                for key in line.fields:
                    if _element(key, prefix, field_.name) is not None:
                        yield key, field_.kind


def command_of(line, known):
    """Return the number of a call's command."""
    of = known.call_named(line.name)
    if of is None or not of.parameters:
        return 0
    name, kind = of.parameters[0]
    return number(line.fields.get(name, "0"), known, kind) & 0xFFFFFFFF


def _memory_args(call, command, at, name):
    """Yield (the prefix of its fields, Arg) of the memory to which a parameter leads."""
    arg = call.arg(command, at)
    if arg:
        yield name, arg
        for one in call.lists_of(command):
            if one.argument == at:
                yield f"{name}.{one.pointer}", one


def _element(key, prefix, field_name):
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


class _StepMaker:
    """Makes the code of one step."""

    def __init__(self, event, known, symbols):
        self._event, self._known, self._symbols = event, known, symbols
        self._step = Step(event)
        self._registers = self._step.registers
        self._is_pv = symbols.frames.are_known

    def step(self):
        if self._event.line.kind == "table":
            self._from_table()
        elif self._event.line.kind == "code":
            self._from_code()
        else:
            self._from_call()
            if self._is_pv:
                self._choose_root()
        if len(self._step.memory) > BUFFER:
            raise ValueError(f"it has {len(self._step.memory)} bytes of memory, more than {BUFFER}")
        return self._step

    def _room(self, size):
        """Return the place of so many new bytes in the buffer."""
        memory = self._step.memory
        at = -(-len(memory) // 16) * 16
        memory += bytes(at + size - len(memory))
        return at

    def _from_table(self):
        line, symbols = self._event.line, self._symbols
        va = number(line.fields["va"], self._known)
        own = frames.is_image(line)
        level = frames.level(line)
        words = [symbols.fill(number(line.fields["mfn"], self._known)), level, va,
                 number(line.fields.get("pinned", "0"), self._known)]
        self._registers.update(zip(REGISTERS, words))
        self._step.mode = FILL
        entries = [self._entry(entry) for entry in tables.entries(line)]
        if own:
            entries = [_ENTRY_OWN | tables.PRESENT] * tables.ENTRIES
        if level == 4:
            for at in tables.XEN_SLOTS:
                entries[at] = 0
        self._step.memory[:] = struct.pack(f"<{tables.ENTRIES}Q", *entries)

    def _entry(self, entry):
        """Return an entry as a program has it."""
        if not entry & tables.PRESENT:
            return entry and entry | _ENTRY_LITERAL
        entry &= ~_XEN_BITS
        symbol = self._symbols.of_frame(tables.frame(entry))
        if symbol is None:
            return entry | _ENTRY_LITERAL
        return entry & ~tables.FRAME_MASK | symbol << tables.SHIFT

    def _choose_root(self):
        """Make a call that takes addresses on the recorded root, and one that may load a root on
        this kernel's."""
        line = self._event.line
        if line.name == "update_va_mapping" and self._symbols.has_root(line):
            self._step.root = 1 + self._symbols.root(line)
        if line.name != "mmuext_op":
            return
        self._step.root = OWN_ROOT
        if self._event.result != "0":
            return
        for name, command in line.fields.items():
            if name.endswith(".cmd") and command == "MMUEXT_NEW_BASEPTR":
                mfn = line.fields.get(name[:-3] + "arg1.mfn", "0")
                self._symbols.load_root(line, number(mfn, self._known))

    def _from_code(self):
        fields = self._event.line.fields
        self._step.mode = {"code32": CODE, "code64": CALL}[self._event.line.name]
        self._step.instructions = _bytes(fields["code"])
        for name in REGISTERS:
            self._registers[name] = number(fields.get(name, "0"), self._known) & WORD
        if "memory" not in fields:
            return
        pointer = self._pointer_of_code()
        data = _bytes(fields["memory"])
        at = self._room(len(data))
        self._step.memory[at : at + len(data)] = data
        high = self._registers[pointer] & ~0xFFFFFFFF
        self._relocate_register(pointer, at, high)

    def _pointer_of_code(self):
        names = _COMPAT if self._step.mode == 32 else _ARGUMENTS
        call = self._known.calls.get(self._registers["rax"] & 0xFFFFFFFF)
        command = self._registers[names[0]] & 0xFFFFFFFF
        for at, name in enumerate(names if call else ()):
            if call.arg(command, at):
                return name
        raise ValueError("its memory belongs to no register")

    def _relocate_register(self, name, at, addend=0):
        self._step.relocations.append(
            Relocation(False, REGISTERS.index(name), 8, offset=at, addend=addend))

    def _from_call(self):
        line = self._event.line
        call = self._known.call_named(line.name)
        if call is None:
            call, values = self._unnamed(line)
        else:
            values = [number(line.fields.get(name, "0"), self._known, kind)
                      for name, kind in call.parameters]
        self._registers["rax"] = call.number
        for name, value, (parameter, kind) in zip(_ARGUMENTS, values,
                                                  call.parameters or [("", "")] * len(values)):
            self._registers[name] = value
            found = frame_in(line, parameter, kind, value, self._is_pv)
            if found:
                self._relocate_frame(False, REGISTERS.index(name), 8, found)
        command = command_of(line, self._known) if call.parameters else 0
        for at, (name, kind) in enumerate(call.parameters):
            if kind == "pointer" and values[at]:
                self._pointer(call, command, at, name, values)

    def _relocate_frame(self, is_memory, at, size, found):
        """Put a frame where the step needs it; return whether it is a symbol."""
        mfn, shift, addend = found
        symbol = self._symbols.of_frame(mfn)
        if symbol is not None:
            self._step.relocations.append(Relocation(is_memory, at, size, symbol, 0, addend, shift))
        return symbol is not None

    @staticmethod
    def _unnamed(line):
        """A hypercall without a layout: its number and plain arguments."""
        if not line.name.startswith("hypercall_"):
            raise ValueError("this kernel does not know the hypercall")
        values = [int(line.fields.get(f"a{i}", "0"), 0) for i in range(1, 7)]
        return layout.Call(int(line.name[len("hypercall_") :]), line.name, []), values

    def _pointer(self, call, command, at, name, values):
        """Fill the memory of a pointer and point it there. One that was unreadable stays."""
        fields = self._event.line.fields
        if f"{name}.unreadable" in fields or not call.arg(command, at):
            return
        places = {}
        for prefix, arg in _memory_args(call, command, at, name):
            places[prefix] = self._elements(prefix, arg, values)
        self._relocate_register(_ARGUMENTS[at], places[name])
        for prefix, place in places.items():
            if prefix != name:
                self._point(call.arg(command, at), places[name], prefix[len(name) + 1 :], place)

    def _point(self, of, base, pointer, place):
        """Let a pointer within a struct lead to a place in the buffer."""
        offset = next(one.offset for one in self._known.fields_of(of.type, of.size)
                      if one.name == pointer)
        self._step.relocations.append(Relocation(True, base + offset, 8, offset=place))

    def _elements(self, prefix, arg, values):
        line, end = self._event.line, self._event.end
        if f"{prefix}.text" in line.fields:
            data = text.unquoted(line.fields[f"{prefix}.text"])
            at = self._room(len(data) + 1)
            self._step.memory[at : at + len(data)] = data
            return at
        found = [(key, field_, index) for key in {**line.fields, **(end.fields if end else {})}
                 for field_ in self._known.fields_of(arg.type, arg.size)
                 for index in [_element(key, prefix, field_.name)] if index is not None]
        count = 1 + max((index for _, _, index in found), default=0)
        if count * arg.size > BUFFER:
            raise ValueError(f"{prefix} has {count} elements, too many")
        at = self._room(max(count * arg.size, _OUT_ROOM if arg.direction & layout.OUT else 0))
        for key, field_, index in found:
            self._field(key, field_, at + index * arg.size + field_.offset)
        return at

    def _field(self, key, field_, at):
        line, end = self._event.line, self._event.end
        if key in line.fields:
            self._field_read(line, key, field_, at)
        if end and key in self._event.written and field_.kind in SYMBOLIC:
            self._bind(line, field_, self._event.written[key], at)

    def _field_read(self, line, key, field_, at):
        value = line.fields[key]
        if value.startswith("hex:"):
            data = _bytes(value)[: field_.size]
            self._step.memory[at : at + len(data)] = data
            return
        symbol = None
        if field_.kind in ("port", "handle"):
            symbol = self._symbols.of_number(field_.kind, value)
        if symbol is not None:
            self._step.relocations.append(Relocation(True, at, field_.size, symbol))
            return
        raw = number(value, self._known, field_.kind)
        self._step.memory[at : at + field_.size] = (
            raw & (1 << 8 * field_.size) - 1).to_bytes(field_.size, "little")
        found = frame_in(line, key, field_.kind, raw, self._is_pv)
        if found:
            self._relocate_frame(True, at, field_.size, found)
        command = line.fields.get(key.rpartition(".arg")[0] + ".cmd", "")
        if field_.kind == "mmuext_arg2" and command in frames.MASK_COMMANDS and raw:
            self._step.relocations.append(Relocation(True, at, 8, offset=self._mask()))

    def _mask(self):
        """Return the place of a set of vCPUs, whose contents a recording does not have."""
        place = self._room(8)
        self._step.memory[place] = 1
        return place

    def _bind(self, line, field_, value, at):
        symbol = self._symbols.of_returned(field_.kind, value)
        if symbol is not None:
            self._step.binds.append(Bind(symbol, at, field_.size))
        if field_.kind != "mfn" or not self._is_pv:
            return
        order = min(number(line.fields.get("arg.out.extent_order", "0"), self._known), 9)
        for more in range(1, 1 << order):
            symbol = self._symbols.of_returned("mfn", str(int(value, 0) + more))
            if symbol is not None:
                self._step.binds.append(Bind(symbol, at, field_.size, more))


def _bytes(value):
    if not value.startswith("hex:"):
        raise ValueError(f"{value[:40]!r} is not 'hex:' and bytes")
    return bytes.fromhex(value[4:])
