# SPDX-License-Identifier: MIT
"""Compile a recording to the program that the image replays (trace/replay.c has its layout).

Numbers that another run would have otherwise become symbols: frames of the guest's, and what a call
returns and a later one takes, such as a port.
"""

import struct
from dataclasses import dataclass, field

from . import layouts as layout, text
from .events import Event

_HEAD = struct.Struct("<8sIIII")
_STEP = struct.Struct("<IHHIIII15Q")
_RELOCATION = struct.Struct("<BBBBIIIQ")
_BIND = struct.Struct("<IIII")
VERSION = 1
BUFFER = 32 << 10
SYMBOLS_MAX = 4096
REGISTERS = "rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15".split()
_ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
_COMPAT = ("rbx", "rcx", "rdx", "rsi", "rdi")
_DOMAINS = {"SELF": 0x7FF0, "IO": 0x7FF1, "XEN": 0x7FF2, "INVALID": 0x7FF4}
SYMBOLIC = ("port", "handle", "mfn")
_OUT_ROOM = 4096
_WORD = (1 << 64) - 1

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
# Why others are not, by name.
_REASONS = {
    "page tables of the recorded guest": ("mmu_update", "mmuext_op", "update_va_mapping",
                                          "update_va_mapping_otherdomain"),
    "registers and tables of the vCPU that replays": (
        "set_trap_table", "set_gdt", "stack_switch", "set_callbacks", "fpu_taskswitch",
        "set_debugreg", "update_descriptor", "set_segment_base", "callback_op", "physdev_op"),
    "output": ("console_io",),
}
_PORT_REASON = "ports that such a call has bound"
_OTHER_REASON = "state that the replaying kernel has by itself"


@dataclass(frozen=True)
class Relocation:
    """Where a step needs the address of its memory (at an offset), or the value of a symbol."""

    is_memory: bool  # it is put into the memory, else into a register
    at: int  # the register's number, or the offset
    size: int
    symbol: int = -1  # -1: the address
    offset: int = 0
    addend: int = 0

    def pack(self):
        is_symbol = self.symbol >= 0
        return _RELOCATION.pack(self.is_memory, is_symbol, 0, self.size, self.at,
                                self.symbol if is_symbol else self.offset, 0, self.addend)


@dataclass(frozen=True)
class Bind:
    """The symbol is what the memory has there after the call."""

    symbol: int
    at: int
    size: int

    def pack(self):
        return _BIND.pack(self.symbol, self.at, self.size, 0)


@dataclass
class Step:
    """One step: the event of the recording, and what is made of it."""

    event: Event
    mode: int = 64
    registers: dict = field(default_factory=lambda: dict.fromkeys(REGISTERS, 0))
    memory: bytearray = field(default_factory=bytearray)
    relocations: list = field(default_factory=list)
    binds: list = field(default_factory=list)
    instructions: bytes = b""

    def code(self):
        """Return the step as the image reads it."""
        parts = [one.pack() for one in self.relocations + self.binds]
        body = b"".join(parts) + bytes(self.memory) + self.instructions
        size = -(-(_STEP.size + len(body)) // 8) * 8
        head = _STEP.pack(size, self.mode, len(self.relocations), len(self.binds),
                          len(self.memory), len(self.instructions), 0,
                          *(value & _WORD for value in self.registers.values()))
        return (head + body).ljust(size, b"\0")


@dataclass
class Program:
    """The steps of a recording, and how many of its calls are left out, by reason."""

    steps: list = field(default_factory=list)
    left: dict = field(default_factory=dict)
    nr_symbols: int = 0
    nr_frames: int = 0

    def code(self):
        head = _HEAD.pack(b"PVReplay", VERSION, len(self.steps), self.nr_symbols, self.nr_frames)
        return head + b"".join(step.code() for step in self.steps)


def reason(event):
    """Return why a hypercall is not replayed, or ""."""
    line = event.line
    if line.kind == "code" or line.fields.get("by") == "code":
        return ""
    commands = _REPLAYED.get(line.name, ())
    if commands is None or line.fields.get("cmd") in commands:
        return ""
    return next((why for why, names in _REASONS.items() if line.name in names), _OTHER_REASON)


def compile_(events, known):
    """Return the Program of Events, for an image with these Layouts. Raise text.Bad, which names
    the record, for one that cannot be replayed."""
    program, chosen = Program(), []
    foreign = set()  # ports that calls have bound which are left out
    for event in events:
        if not event.is_call:
            continue
        why = reason(event) or _reason_of_port(event, known, foreign)
        bound = {value for kind, value in _given(event, known) if kind == "port"}
        foreign = foreign | bound if why else foreign - bound
        if why:
            program.left[why] = program.left.get(why, 0) + 1
        else:
            chosen.append(event)
    symbols = _Symbols(chosen, known)
    for event in chosen:
        try:
            program.steps.append(_StepMaker(event, known, symbols).step())
        except (ValueError, KeyError, IndexError) as error:
            raise text.Bad(f"record {event.line.sequence}, {event.line.name}: {error}",
                           "remove that record, and replay the rest") from error
    program.nr_symbols, program.nr_frames = symbols.count, symbols.frames
    return program


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
    """The numbers that are symbols: (kind, value in the recording). Frames come first."""

    def __init__(self, events, known):
        bound, used = {}, {}
        for event in events:
            if event.line.kind != "call":
                continue
            for name, kind in kinds(event.line, known):
                value = event.line.fields.get(name)
                if kind == "mfn" and value and ("mfn", value) not in bound and value != "0":
                    used[("mfn", value)] = True
            for kind, value in _given(event, known):
                if ("mfn", value) not in used:
                    bound[(kind, value)] = True
        self._numbers = {key: at for at, key in enumerate([*used, *bound])}
        self.frames, self.count = len(used), len(self._numbers)
        if self.count > SYMBOLS_MAX:
            raise text.Bad(f"it has {self.count} frames and ports, more than {SYMBOLS_MAX}",
                           "replay a part of it")

    def get(self, kind, value):
        return self._numbers.get((kind, value))


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

    def step(self):
        if self._event.line.kind == "code":
            self._from_code()
        else:
            self._from_call()
        if len(self._step.memory) > BUFFER:
            raise ValueError(f"it has {len(self._step.memory)} bytes of memory, more than {BUFFER}")
        return self._step

    def _room(self, size):
        """Return the place of so many new bytes in the buffer."""
        memory = self._step.memory
        at = -(-len(memory) // 16) * 16
        memory += bytes(at + size - len(memory))
        return at

    def _from_code(self):
        fields = self._event.line.fields
        self._step.mode = {"code32": 32, "code64": 64}[self._event.line.name]
        self._step.instructions = _bytes(fields["code"])
        for name in REGISTERS:
            self._registers[name] = number(fields.get(name, "0"), self._known) & _WORD
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
        for name, value in zip(_ARGUMENTS, values):
            self._registers[name] = value
        command = command_of(line, self._known) if call.parameters else 0
        for at, (name, kind) in enumerate(call.parameters):
            if kind == "pointer" and values[at]:
                self._pointer(call, command, at, name, values)

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
        line = self._event.line
        if key in line.fields:
            value = line.fields[key]
            symbol = self._symbols.get(field_.kind, value)
            if symbol is not None:
                self._step.relocations.append(Relocation(True, at, field_.size, symbol))
            elif value.startswith("hex:"):
                data = _bytes(value)[: field_.size]
                self._step.memory[at : at + len(data)] = data
            else:
                raw = number(value, self._known, field_.kind) & (1 << 8 * field_.size) - 1
                self._step.memory[at : at + field_.size] = raw.to_bytes(field_.size, "little")
        if key in self._event.written and field_.kind in SYMBOLIC:
            symbol = self._symbols.get(field_.kind, self._event.written[key])
            if symbol is not None:
                self._step.binds.append(Bind(symbol, at, field_.size))


def _bytes(value):
    if not value.startswith("hex:"):
        raise ValueError(f"{value[:40]!r} is not 'hex:' and bytes")
    return bytes.fromhex(value[4:])
