#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make an op ROM of its ELF file, which was linked at address 0 with --emit-relocs (pv/rom/abi.h).

    rom.py rom.elf op.rom

The ROM's bytes are those from address 0 to the symbol rom_size, filled up to whole blocks of 512.
The number of blocks and the byte that makes the sum 0 are written here. Code that depends on its
address is an error.
"""

import sys
from pathlib import Path

from build.elf import Elf

BLOCK, SIZE_MAX = 512, 8192
BLOCKS_AT, SUM_AT = 2, 7
RELATIVE = (2, 4)  # R_X86_64_PC32, R_X86_64_PLT32


def fail(message):
    sys.exit(f"rom.py: {message}")


def image(elf):
    """Return the bytes of the ROM."""
    values = {symbol.name: symbol.value for symbol in elf.symbols}
    for where, kind, symbol in elf.relocations():
        if where >= values["rom_code"] and kind not in RELATIVE:
            fail(f"the code at {where:#x} has an absolute address, of {symbol.name or 'its own'}")
    rom = elf.bytes_at(0, values["rom_code"])
    rom += bytes(values["rom_code"] - len(rom))
    rom += elf.bytes_at(values["rom_code"], values["rom_code_size"])
    return rom


def finished(data):
    """Return the ROM in whole blocks, with their number and the right sum."""
    rom = bytearray(data + bytes(-len(data) % BLOCK))
    if len(rom) > SIZE_MAX:
        fail(f"{len(rom)} bytes are more than the {SIZE_MAX} that a kernel takes")
    rom[BLOCKS_AT] = len(rom) // BLOCK
    rom[SUM_AT] = 0
    rom[SUM_AT] = -sum(rom) & 0xFF
    return bytes(rom)


def main():
    source, out = sys.argv[1:]
    Path(out).write_bytes(finished(image(Elf(source))))


if __name__ == "__main__":
    main()
