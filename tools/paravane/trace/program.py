# SPDX-License-Identifier: MIT
"""Compile a recording to the program that the image replays (steps.py has its layout).

Numbers that another run would have otherwise become symbols: frames of the guest's, and what a call
returns and a later one takes, such as a port.
"""

import struct

from . import arguments, choice, frames, layouts as layout, tables, text
from .steps import (CALL, CODE, FILL, OWN_ROOT, REGISTERS, WORD, Batch, Bind, Program, Relocation,
                    Step)
from .symbols import Symbols

BUFFER = 32 << 10
SYMBOLS_MAX = 131072
_ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
_COMPAT = ("rbx", "rcx", "rdx", "rsi", "rdi")
_OUT_ROOM = 4096
_ENTRY_LITERAL, _ENTRY_OWN = 1 << 62, 1 << 61
# Bits of an entry that Xen sets by itself: global, and the mark of the kernel's pages.
_XEN_BITS = 1 << 8 | 1 << 52


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
        why = (choice.reason(event, of_guest.are_known)
               or choice.reason_of_port(event, known, foreign))
        bound = {value for _, kind, value in arguments.given(event, known) if kind == "port"}
        foreign = foreign | bound if why else foreign - bound
        if why:
            program.left[why] = program.left.get(why, 0) + 1
        else:
            chosen.append(event)
    symbols = Symbols(chosen, known, of_guest)
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
        va = arguments.number(line.fields["va"], self._known)
        own = frames.is_image(line)
        level = frames.level(line)
        words = [symbols.fill(arguments.number(line.fields["mfn"], self._known)), level, va,
                 arguments.number(line.fields.get("pinned", "0"), self._known)]
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
                self._symbols.load_root(line, arguments.number(mfn, self._known))

    def _from_code(self):
        fields = self._event.line.fields
        self._step.mode = {"code32": CODE, "code64": CALL}[self._event.line.name]
        self._step.instructions = arguments.bytes_of(fields["code"])
        for name in REGISTERS:
            self._registers[name] = arguments.number(fields.get(name, "0"), self._known) & WORD
        if "memory" not in fields:
            return
        pointer = self._pointer_of_code()
        data = arguments.bytes_of(fields["memory"])
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
            values = [arguments.number(line.fields.get(name, "0"), self._known, kind)
                      for name, kind in call.parameters]
        self._registers["rax"] = call.number
        for name, value, (parameter, kind) in zip(_ARGUMENTS, values,
                                                  call.parameters or [("", "")] * len(values)):
            self._registers[name] = value
            found = arguments.frame_in(line, parameter, kind, value, self._is_pv)
            if found:
                self._relocate_frame(False, REGISTERS.index(name), 8, found)
        command = arguments.command_of(line, self._known) if call.parameters else 0
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
        for prefix, arg in arguments.memory_args(call, command, at, name):
            places[prefix] = self._elements(prefix, arg, values)
        self._relocate_register(_ARGUMENTS[at], places[name])
        self._note_batch(call, call.arg(command, at), places, values)
        for prefix, place in places.items():
            if prefix != name:
                self._point(call.arg(command, at), places[name], prefix[len(name) + 1 :], place)

    def _note_batch(self, call, arg, places, values):
        """Note the entries to which a pointer leads, if minimise can remove some: all of them are
        in the recording, and none leads further."""
        if arg.count >= len(call.parameters) or len(places) != 1:
            return
        (name, at), count = next(iter(places.items())), values[arg.count]
        known = {index for key in self._event.line.fields
                 for field_ in self._known.fields_of(arg.type, arg.size)
                 for index in [arguments.element_of(key, name, field_.name)] if index is not None}
        if count > 1 and known == set(range(count)):
            self._step.batch = Batch(at, arg.size, count, _ARGUMENTS[arg.count], name,
                                     call.parameters[arg.count][0])

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
                 for index in [arguments.element_of(key, prefix, field_.name)] if index is not None]
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
        if end and key in self._event.written and field_.kind in arguments.SYMBOLIC:
            self._bind(line, field_, self._event.written[key], at)

    def _field_read(self, line, key, field_, at):
        value = line.fields[key]
        if value.startswith("hex:"):
            data = arguments.bytes_of(value)[: field_.size]
            self._step.memory[at : at + len(data)] = data
            return
        symbol = None
        if field_.kind in ("port", "handle"):
            symbol = self._symbols.of_number(field_.kind, value)
        if symbol is not None:
            self._step.relocations.append(Relocation(True, at, field_.size, symbol))
            return
        raw = arguments.number(value, self._known, field_.kind)
        self._step.memory[at : at + field_.size] = (
            raw & (1 << 8 * field_.size) - 1).to_bytes(field_.size, "little")
        found = arguments.frame_in(line, key, field_.kind, raw, self._is_pv)
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
        order = min(arguments.number(line.fields.get("arg.out.extent_order", "0"), self._known), 9)
        for more in range(1, 1 << order):
            symbol = self._symbols.of_returned("mfn", str(int(value, 0) + more))
            if symbol is not None:
                self._step.binds.append(Bind(symbol, at, field_.size, more))
