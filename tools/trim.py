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
from elf import Elf
from paravane import optable

ROOT = Path(__file__).resolve().parents[1]
BY_BACKEND = {"early_init", "trap_init"}  # which pv_select calls by the backend's own table


def trim(whole, called, ops):
    """Empties the slots of all other ops."""
    slots = {}
    for symbol in whole.symbols:
        match = optable.CLASS_TABLE.fullmatch(symbol.name)
        for i, op in enumerate(optable.classes(ops)[match[1]] if match and symbol.size else ()):
            slots[symbol.section, symbol.value + 8 * i] = op
    if not slots:
        sys.exit("trim.py: no table of a backend found")
    for relocation in whole.relocations():
        if slots.get((relocation.target, relocation.where)) not in {None, *called}:
            struct.pack_into("<Q", whole.data, relocation.at + 8, 0)


def main():
    parser = argparse.ArgumentParser(description="Cuts ops that nobody calls out of the backends' tables.")
    parser.add_argument("image")
    parser.add_argument("whole")
    parser.add_argument("lean")
    args = parser.parse_args()

    called = BY_BACKEND | {op for _, op, *_ in sites.find(sites.Image(args.image))}
    whole = Elf(args.whole)
    trim(whole, called, optable.parse_ops((ROOT / "pv/ops.def").read_text()))
    Path(args.lean).write_bytes(whole.data)


if __name__ == "__main__":
    main()
