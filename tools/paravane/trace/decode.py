# SPDX-License-Identifier: MIT
"""Turn raw records into lines of a recording, with the names of Xen's headers and of the contract.
"""

import dataclasses

from . import raw, tables
from .layouts import TEXT
from .text import Line, quoted

_WORD = (1 << 64) - 1
_REGISTERS = "rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15".split()
_DOMAINS = {0x7FF0: "SELF", 0x7FF1: "IO", 0x7FF2: "XEN", 0x7FF4: "INVALID"}
# syscall, vmcall, vmmcall; the registers of the arguments, and those that have no meaning
_HYPERCALLS = (b"\x0f\x05\x90", b"\x0f\x01\xc1", b"\x0f\x01\xd9")
_ARGUMENTS = [_REGISTERS.index(name) for name in ("rdi", "rsi", "rdx", "r10", "r8", "r9")]
_NO_ARGUMENTS = [_REGISTERS.index(name)
                 for name in ("rbx", "rcx", "rbp", "r11", "r12", "r13", "r14", "r15")]
_SMALL = 10  # numbers below this are the same in both bases


def signed(value, size=8):
    """Return a number of so many bytes as one with a sign."""
    value &= (1 << 8 * size) - 1
    return value - (1 << 8 * size) if value >> (8 * size - 1) else value


def number(value):
    return str(value) if value < _SMALL else f"{value:#x}"


class Decoder:
    """Decodes the records of one image, in the order of their sequence."""

    def __init__(self, layouts):
        self._layouts = layouts
        self._start = None
        self._by_code = {}  # sequence of a hypercall made by code: its number
        self._commands = {}  # sequence of a call: its first argument
        self._kinds = {
            raw.HYPERCALL: self._call, raw.HYPERRETURN: self._return, raw.OP: self._op,
            raw.OPRETURN: self._op_return, raw.CALLBACK: self._callback, raw.CODE: self._code,
            raw.CODERETURN: self._code_return, raw.TABLE: self._table, raw.FRAMES: self._frames,
        }  # fmt: skip

    def line(self, record):
        """Return the Line of a Record."""
        if self._start is None:
            self._start = record.tsc
        decode = self._kinds.get(record.kind, self._unknown)
        kind, name, fields = decode(record)
        return Line(record.sequence, max(0, record.tsc - self._start), record.cpu, kind, name,
                    fields)

    def _unknown(self, record):
        return "unknown", str(record.kind), {}

    # --- Page tables ---

    @staticmethod
    def _table(record):
        mfn, va, pinned = record.words
        data = record.chunks[0].data if record.chunks else b""
        return "table", f"level{record.id}", {
            "mfn": number(mfn), "va": number(va), "pinned": str(pinned), **tables.fields(data)}

    @staticmethod
    def _frames(record):
        pfn, mfn, count = record.words
        return "frames", "guest", {"pfn": number(pfn), "mfn": number(mfn), "count": str(count)}

    # --- Hypercalls ---

    def _call(self, record):
        call = self._layouts.calls.get(record.id)
        if not call:
            return "call", f"hypercall_{record.id}", {
                f"a{i + 1}": number(word) for i, word in enumerate(record.words)}
        fields = {}
        for (name, kind), word in zip(call.parameters, record.words):
            fields[name] = self._value(kind, word, 8 if kind not in ("dec", "domid") else 4)
        command = record.words[0] & 0xFFFFFFFF
        self._commands[record.sequence] = command
        self._add_chunks(fields, call, command, record.chunks)
        return "call", call.name, fields

    def _return(self, record):
        call = self._layouts.calls.get(record.id)
        of, result = record.words
        fields = {"of": str(of), "result": self._result(result)}
        if call:
            self._add_chunks(fields, call, self._commands.pop(of, 0), record.chunks)
        return "return", call.name if call else f"hypercall_{record.id}", fields

    def _result(self, value):
        return str(signed(value)) if signed(value) < _SMALL else f"{value:#x}"

    def _add_chunks(self, fields, call, command, chunks):
        for chunk in chunks:
            arg = call.arg(command, chunk.argument)
            if not arg or chunk.argument >= len(call.parameters):
                continue
            name = call.parameters[chunk.argument][0]
            if chunk.list:
                lists = call.lists_of(command)
                if chunk.list > len(lists):
                    continue
                arg = lists[chunk.list - 1]
                name += "." + arg.pointer
            self._add_elements(fields, name, arg, chunk)

    def _add_elements(self, fields, name, arg, chunk):
        data = chunk.data
        if chunk.flags & raw.UNREADABLE:
            fields[f"{name}.unreadable"] = "1"
            return
        if chunk.flags & raw.CUT:
            fields[f"{name}.cut"] = "1"
        if arg.type in TEXT:
            fields[f"{name}.text"] = quoted(data.split(b"\0")[0] if arg.size > 1 else data)
            return
        one = len(data) == arg.size and not arg.pointer and arg.count == 0xFF
        for i in range(len(data) // arg.size):
            element = data[i * arg.size : (i + 1) * arg.size]
            for field in self._layouts.fields_of(arg.type, arg.size):
                where = name if one else f"{name}[{i}]"
                key = f"{where}.{field.name}" if field.name else f"{name}[{i}]"
                fields[key] = self._field(field, element)

    def _field(self, field, element):
        data = element[field.offset : field.offset + field.size]
        if field.kind == "bytes" or field.size > 8:
            return "hex:" + data.hex()
        return self._value(field.kind, int.from_bytes(data, "little"), field.size)

    def _value(self, kind, value, size):
        if size < 8:
            value &= (1 << 8 * size) - 1
        if kind == "status":
            return str(signed(value, size))
        if kind == "domid":
            return _DOMAINS.get(value, str(value))
        if kind in ("dec", "port", "gref", "handle", "time"):
            return str(value)
        if kind == "hypercall" and value in self._layouts.calls:
            return self._layouts.calls[value].name
        return self._layouts.values.get(kind, {}).get(value & 0xFFFFFFFF) or number(value)

    # --- Ops, callbacks, code ---

    def _op(self, record):
        name, _, parameters = self._layouts.ops.get(record.id, (f"op_{record.id}", "", []))
        fields = {}
        for (parameter, type_), word in zip(parameters, record.words):
            fields[parameter] = typed(type_, word)
        return "op", name, fields

    def _op_return(self, record):
        name, type_, _ = self._layouts.ops.get(record.id, (f"op_{record.id}", "u64", []))
        fields = {"of": str(record.words[0])}
        if type_ != "void":
            fields["result"] = typed(type_, record.words[1])
        return "opreturn", name, fields

    def _callback(self, record):
        name, names = self._layouts.callbacks.get(record.id, (f"callback_{record.id}", []))
        decimal = ("vector", "line", "kind", "cancelled")
        return "callback", name, {
            field: str(word) if field in decimal else number(word)
            for field, word in zip(names, record.words)}

    def _code(self, record):
        """A hypercall that the payload made by the plain instruction is shown as other calls are,
        with by=code; other code with all its registers."""
        chunks = [chunk for chunk in record.chunks if chunk.argument != 0xFF]
        code = [chunk.data for chunk in record.chunks if chunk.argument == 0xFF]
        if record.id == 64 and code and code[0] in _HYPERCALLS and not any(
                record.words[number] for number in _NO_ARGUMENTS):
            which = record.words[0]
            if which in self._layouts.calls:
                words = tuple(record.words[at] for at in _ARGUMENTS)
                call = dataclasses.replace(record, id=which, words=words, chunks=chunks)
                self._by_code[record.sequence] = which
                kind, name, fields = self._call(call)
                return kind, name, {"by": "code", **fields}
        fields = {name: number(word) for name, word in zip(_REGISTERS, record.words)}
        for chunk in record.chunks:
            name = "code" if chunk.argument == 0xFF else "memory"
            fields[name] = "hex:" + chunk.data.hex()
        return "code", f"code{record.id}", fields

    def _code_return(self, record):
        which = self._by_code.pop(record.words[0], None)
        if which is not None:
            return self._return(dataclasses.replace(record, id=which, words=record.words[:2]))
        fields = {"of": str(record.words[0])}
        fields |= {name: number(word) for name, word in zip(_REGISTERS, record.words[1:])}
        return "codereturn", f"code{record.id}", fields


def typed(type_, word):
    """Return a value of one of the contract's types."""
    if type_ == "bool":
        return str(word & 1)
    if type_ in ("int", "s64"):
        return str(signed(word, 4 if type_ == "int" else 8))
    if type_.startswith("enum ") or type_ in ("u8", "u16"):
        return str(word & {"u8": 0xFF, "u16": 0xFFFF}.get(type_, 0xFFFFFFFF))
    return number(word & 0xFFFFFFFF if type_ == "u32" else word & _WORD)
