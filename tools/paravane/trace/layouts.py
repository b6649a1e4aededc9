# SPDX-License-Identifier: MIT
"""What an image says about its records: the hypercalls and their arguments, the ops, the callbacks.

The image has a table of all of it (pv/xen/record/layouts.c), made by the compiler from Xen's
headers and from the contract. So whatever image made a recording, its records are decoded as it
meant them.
"""

import re
import struct
from dataclasses import dataclass, field

from ..common import EXIT_USAGE, Trouble

VERSION = 1
_HEAD = b"paravane record layouts"
_ENTRY = struct.Struct("<IIQIIII128s")
_ENTRIES_MAX = 4000
_END, _IS_HEAD, _CALL, _VALUE, _ARG, _LIST, _FIELD, _OP, _CALLBACK = range(9)

IN, OUT = 1, 2
ONE, UNTIL_ZERO, GDT_FRAMES = 0xFF, 0xFE, 0xFD
ANY = 0xFFFFFFFF

_PARAMETER = re.compile(r"(\w+):(\w+)")
# The kinds of what has no fields.
_ELEMENTS = {"xen_pfn_t": "mfn", "evtchn_port_t": "port", "u64": "hex", "u32": "dec", "u16": "dec"}
TEXT = ("char", "xen_extraversion_t")


@dataclass(frozen=True)
class Field:
    """A field of a struct, or the whole of a simple element (name "")."""

    name: str
    kind: str
    offset: int
    size: int


@dataclass(frozen=True)
class Arg:
    """A pointer: to one struct or to several, or to a list within a struct (of it: pointer)."""

    argument: int
    size: int
    count: int
    direction: int
    type: str
    pointer: str = ""
    counter: str = ""


@dataclass
class Call:
    """A hypercall."""

    number: int
    name: str
    parameters: list  # of (name, kind)
    args: list = field(default_factory=list)  # of (command, Arg)
    lists: list = field(default_factory=list)

    def arg(self, command, argument):
        """Return the Arg of the pointer with this number, or None."""
        return next((arg for of, arg in self.args
                     if of in (command, ANY) and arg.argument == argument), None)

    def lists_of(self, command):
        """Return the lists within the struct of this command, in their order."""
        return [arg for of, arg in self.lists if of in (command, ANY)]


class Layouts:
    """The table of one image."""

    def __init__(self):
        self.calls = {}  # by number
        self.ops = {}  # number: (name, result's type, [(name, type)])
        self.callbacks = {}  # number: (name, [names])
        self.values = {}  # kind: {value: name}
        self.fields = {}  # type: [Field]

    def fields_of(self, type_, size):
        """Return the Fields of an element of this type."""
        if type_ in self.fields:
            return self.fields[type_]
        return [Field("", _ELEMENTS.get(type_, "hex" if size <= 8 else "bytes"), 0, size)]

    def call_named(self, name):
        return next((call for call in self.calls.values() if call.name == name), None)


def read(image):
    """Return the Layouts of an image, or raise Trouble."""
    data = image.read_bytes()
    at = data.find(_HEAD) - (_ENTRY.size - 128)
    if at < 0:
        raise Trouble(f"{image} cannot record: it was built without pv/xen/record/, or it is older",
                      EXIT_USAGE)
    found = Layouts()
    for _ in range(_ENTRIES_MAX):
        entry = data[at : at + _ENTRY.size]
        if len(entry) < _ENTRY.size:
            break
        kind, number, value, *numbers, text = _ENTRY.unpack(entry)
        if kind == _END:
            return found
        words = text.split(b"\0", 1)[0].decode("ascii", "replace")
        if kind == _IS_HEAD and number != VERSION:
            raise Trouble(f"{image} records by version {number}, this runner reads {VERSION}: "
                          "use the run.sh of the image's own tree", EXIT_USAGE)
        _add(found, kind, number, value, numbers, words)
        at += _ENTRY.size
    raise Trouble(f"{image}: its table of layouts is damaged", EXIT_USAGE)


def _add(found, kind, number, value, numbers, words):
    if kind == _CALL:
        name, _, parameters = words.partition("(")
        found.calls[number] = Call(number, name, _PARAMETER.findall(parameters))
    elif kind == _VALUE:
        of, name = words.split()
        found.values.setdefault(of, {})[value] = name
    elif kind == _ARG:
        found.calls[number].args.append((value & ANY, Arg(*numbers, words)))
    elif kind == _LIST:
        pointer, counter, type_ = words.split()
        of = found.calls[number].arg(value, _argument_of(found.calls[number], value))
        found.calls[number].lists.append(
            (value & ANY, Arg(of.argument, numbers[2], ONE, numbers[3], type_, pointer, counter)))
    elif kind == _FIELD:
        type_, name, of = words.split(" : ")
        found.fields.setdefault(type_, []).append(Field(name, of, numbers[0], numbers[1]))
    elif kind == _OP:
        result, name, parameters = words.split(" : ")
        found.ops[number] = (name, result, _parameters(parameters))
    elif kind == _CALLBACK:
        name, *fields = words.split()
        found.callbacks[number] = (name, fields)


def _argument_of(call, command):
    return next(arg.argument for of, arg in call.args if of == command)


def _parameters(text):
    """Return [(name, type)] of "(u32 cpu, void *data)"."""
    found = []
    for word in text.strip("()").split(","):
        match = re.match(r"\s*(.*?)(\w+)(\[\d*\])?\s*$", word)
        if match and match[1].strip():
            found.append((match[2], match[1].strip() + (" *" if match[3] else "")))
    return found
