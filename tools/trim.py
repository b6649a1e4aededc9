#!/usr/bin/env python3
"""Cuts the ops that nobody calls out of the backends' tables, so that the linker can leave their functions out.

    tools/trim.py kernel.elf whole.o lean.o

kernel.elf was linked from whole.o with --emit-relocs: its call sites (tools/sites.py) say which ops are called. lean.o is
whole.o, but that the other ops' slots in the tables (pv_CLASS_ops) refer to nothing: their relocations became
R_X86_64_NONE. A slot that is empty at run time leads to a panic that names the op, as ever.
"""

import argparse
import struct
import sys
from pathlib import Path

import sites
from paravane import optable

ROOT = Path(__file__).resolve().parents[1]
SHT_SYMTAB, SHT_RELA = 2, 4
SYMBOL, RELOCATION = 24, 24  # their sizes
BY_BACKEND = {"early_init"}  # which pv_select calls by the backend's own table


def sections(data):
    offset, = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    return [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size) for i in range(count)]


def tables(data):
    """(class, section, place in it, size) of each backend's table of a class."""
    headers = sections(data)
    for _, kind, _, _, offset, size, link, *_ in headers:
        for at in range(offset, offset + size, SYMBOL) if kind == SHT_SYMTAB else ():
            name, _, _, section, value, length = struct.unpack_from("<IBBHQQ", data, at)
            start = headers[link][4] + name
            match = optable.CLASS_TABLE.fullmatch(data[start : data.index(b"\0", start)].decode())
            if match and length:
                yield match[1], section, value, length


def trim(data, called, ops):
    """Empties the slots of all other ops in data; how many these were."""
    slots, cut = {}, 0
    for name, section, value, _ in tables(data):
        for i, op in enumerate(optable.classes(ops)[name]):
            slots[section, value + 8 * i] = op
    for _, kind, _, _, offset, size, _, target, *_ in sections(data):
        for at in range(offset, offset + size, RELOCATION) if kind == SHT_RELA else ():
            where, = struct.unpack_from("<Q", data, at)
            if slots.get((target, where), None) not in {None, *called}:
                struct.pack_into("<Q", data, at + 8, 0)
                cut += 1
    if not slots:
        sys.exit("trim.py: no table of a backend found")
    return cut


def main():
    parser = argparse.ArgumentParser(description="Cuts ops that nobody calls out of the backends' tables.")
    parser.add_argument("image")
    parser.add_argument("whole")
    parser.add_argument("lean")
    args = parser.parse_args()

    called = BY_BACKEND | {op for _, op, *_ in sites.find(sites.Image(args.image))}
    data = bytearray(Path(args.whole).read_bytes())
    trim(data, called, optable.parse_ops((ROOT / "pv/ops.def").read_text()))
    Path(args.lean).write_bytes(data)


if __name__ == "__main__":
    main()
