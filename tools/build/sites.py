#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Find every call site of an op in the linked kernel (pv/patch/patch.h), by the linker's
relocations.

    sites.py > sites.S                      an empty table
    sites.py kernel.elf > sites.S           the table of an image linked with --emit-relocs
    sites.py --check sites.S kernel.elf     is this the image's table?

A site is a call or jump to pv_NAME, or, of a hot op, a call to pv_hot_NAME that is lengthened. Any
other reference to one of these names is an error, because patching would not reach it. The table is
found in the first of two links and linked in after the text, so that the sites do not move; --check
proves it.
"""

import argparse
import re
import struct
import sys
from pathlib import Path

from build.elf import Elf

CALL, JUMP, HOT, TAIL_HOT = range(4)
OPCODE = {0xE8: CALL, 0xE9: JUMP}
PREFIX, NOP = 0x2E, 0x90
BRANCH_LENGTH, INSTRUCTION_MAX = 5, 15
BRANCH_RELOCATIONS = (2, 4)  # R_X86_64_PC32, R_X86_64_PLT32

HEAD = """\
/* Made by tools/build/sites.py: do not edit. */
    .section .rodata.pv_sites, "a", @progbits
    .balign 4
    .globl pv_sites, pv_sites_end, pv_op_names
pv_sites:
"""
NAMES = "pv_sites_end:\npv_op_names:\n"
TAIL = '    .section .note.GNU-stack, "", @progbits\n'


def fail(message):
    sys.exit(f"sites.py: {message}")


class Image(Elf):
    """A linked kernel: its ELF file and its symbols."""

    def __init__(self, path):
        try:
            super().__init__(path)
        except OSError as error:
            fail(f"{path}: {error.strerror}")
        except ValueError as error:
            fail(str(error))
        self.address = {symbol.name: symbol.value for symbol in self.symbols if symbol.is_global}
        for name in ("_text_start", "_text_end", "pv_thunks", "pv_thunks_end", "pv_thunk_size",
                     "_pv_tails", "_pv_tails_end"):
            if name not in self.address:
                fail(f"{path}: no symbol {name}")

    def where(self, address):
        """Return the name of the function that an address is in, for messages."""
        below = [
            (symbol.value, symbol.name)
            for symbol in self.symbols
            if symbol.name and symbol.value <= address
        ]
        value, name = max(below, default=(0, "?"))
        return f"{name}+{address - value:#x}"


class Ops:
    """The symbols by which ops are called: {symbol: (op, its number, its site's length)} for
    pv_NAME and pv_hot_NAME; the size of a thunk; {op: its tail's size} for the hot ops whose sites
    have a tail. The sizes are symbols of pv/patch/thunks.S."""

    def __init__(self, image):
        lengths = {n[10:]: v for n, v in image.address.items() if n.startswith("pv_length_")}
        self.tails = {n[8:]: v for n, v in image.address.items() if n.startswith("pv_tail_")}
        self.thunk_size = image.address["pv_thunk_size"]
        first = image.address["pv_thunks"]
        end = image.address["pv_thunks_end"]
        self.by_symbol = {}
        for name, value in image.address.items():
            if not name.startswith("pv_") or not first <= value < end or name == "pv_thunks":
                continue
            op = name[3:]
            number, rest = divmod(value - first, self.thunk_size)
            if rest:
                fail(f"{name} is not a thunk")
            self.by_symbol[name] = (op, number, 0)
            if op in lengths:
                self.by_symbol[f"pv_hot_{op}"] = (op, number, lengths[op])
        if not self.by_symbol:
            fail("the image has no op")


def lengthened(length, opcode):
    """Return the bytes of a lengthened call before its distance: no-ops for what exceeds the
    longest instruction, then prefixes."""
    nops = max(length - INSTRUCTION_MAX, 0)
    return bytes([NOP] * nops + [PREFIX] * (length - BRANCH_LENGTH - nops) + [opcode])


def find(image):
    """Return [(address, op, number, kind)] of all sites, in order of address. Raise an error if an
    op's name is used in another way."""
    table, sites, odd = Ops(image), [], []
    ops = table.by_symbol
    for where, kind, (name, _, _, is_global) in image.relocations():
        if not is_global or name not in ops:
            continue
        op, number, length = ops[name]
        opcode = image.bytes_at(where - 1, 1)
        site = (where - length + 4, length) if length else (where - 1, BRANCH_LENGTH)
        as_it_should = kind in BRANCH_RELOCATIONS and opcode and opcode[0] in OPCODE
        if as_it_should:
            expected = 0xE8 if length else opcode[0]
            as_it_should = image.bytes_at(*site)[:-4] == lengthened(site[1], expected)
        if as_it_should:
            hot = TAIL_HOT if op in table.tails else HOT
            sites.append((site[0], op, number, hot if length else OPCODE[opcode[0]]))
        else:
            odd.append(f"{image.where(where)} refers to {name} other than by a call or jump")
    if odd:
        fail("\nsites.py: ".join(odd))
    return sorted(sites)


def render(image, sites):
    """Return the assembler file: a struct pv_site for each site, and by number the names of the ops
    that have one."""
    table, text, lines = Ops(image), image.address["_text_start"], []
    for address, op, number, kind in sites:
        if address - text >= 1 << 22:
            fail(f"{image.where(address)} lies too far from the first byte of text")
        lines.append(f"    .long {number} | {kind} << 8 | {address - text:#x} << 10 /* {op} */\n")
    tails = [table.tails[op] for _, op, _, kind in sites if kind == TAIL_HOT]
    room = image.address["_pv_tails_end"] - image.address["_pv_tails"]
    if room < sum(tails):  # more is possible: the tails of functions that were not linked remain
        fail(f"{len(tails)} sites have a tail, and there are {room} bytes for them")
    names = {number: op for _, op, number, _ in sites}
    count = (image.address["pv_thunks_end"] - image.address["pv_thunks"]) // table.thunk_size
    strings = [f'    .asciz "{names.get(number, "")}"\n' for number in range(count)]
    return HEAD + "".join(lines) + NAMES + "".join(strings) + TAIL


def check(path, image):
    """Raise an error unless the table lists exactly the sites that the image has."""
    line = re.compile(r"\.long (\d+) \| (\d) << 8 \| (0x[0-9a-f]+) << 10 /\* (\w+)")
    ops, text = Ops(image).by_symbol, image.address["_text_start"]
    found = line.findall(Path(path).read_text(encoding="ascii"))
    for number, kind, offset, op in found:
        name = f"pv_hot_{op}" if int(kind) >= HOT else f"pv_{op}"
        _, its_number, length = ops.get(name, (op, -1, 0))
        if its_number != int(number):
            fail(f"{path}: {op} is not op {number}")
        at, length = text + int(offset, 16), length or BRANCH_LENGTH
        opcode = 0xE9 if int(kind) == JUMP else 0xE8
        distance = struct.pack("<q", image.address[name] - at - length)[:4]
        if image.bytes_at(at, length) != lengthened(length, opcode) + distance:
            fail(f"{path}: {image.where(at)} is not a site of {op}")
    if not found:
        fail(f"{path} has no site")


def main():
    parser = argparse.ArgumentParser(description="Makes the table of an image's call sites of ops.")
    parser.add_argument("--check", metavar="FILE", help="only compare FILE with the image")
    parser.add_argument("image", nargs="?")
    args = parser.parse_args()
    if args.check:
        check(args.check, Image(args.image))
    elif args.image:
        image = Image(args.image)
        sys.stdout.write(render(image, find(image)))
    else:
        sys.stdout.write(HEAD + NAMES + TAIL)


if __name__ == "__main__":
    main()
