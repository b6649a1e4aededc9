# SPDX-License-Identifier: MIT
"""Read the parts of a 64-bit little-endian ELF file that the tools for the kernel's image need
(System V ABI)."""

import struct
from pathlib import Path
from typing import NamedTuple

SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHF_ALLOC = 2, 4, 8, 2


class Symbol(NamedTuple):
    name: str
    value: int
    size: int
    is_global: bool


class Relocation(NamedTuple):
    """One relocation. where: an address, or an offset in the section that it is applied to."""

    where: int
    kind: int
    symbol: Symbol


class Elf:
    """An ELF file. data: its bytes; sections, segments: the headers, as in the file; symbols: in
    the order of the table. Raise ValueError if the file is not a 64-bit little-endian ELF."""

    def __init__(self, path):
        self.data = bytearray(Path(path).read_bytes())
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path}: not a 64-bit little-endian ELF file")
        segments, sections = struct.unpack_from("<QQ", self.data, 32)
        self.segments = self._headers("<IIQQQQQQ", segments, 54)
        self.sections = self._headers("<IIQQQQIIQQ", sections, 58)
        self.symbols = list(self._symbols())

    def _headers(self, layout, offset, size_at):
        size, count = struct.unpack_from("<HH", self.data, size_at)
        return [struct.unpack_from(layout, self.data, offset + i * size) for i in range(count)]

    def _symbols(self):
        for _, kind, _, _, offset, size, link, *_ in self.sections:
            for at in range(offset, offset + size, 24) if kind == SHT_SYMTAB else ():
                name, info, _, _, value, length = struct.unpack_from("<IBBHQQ", self.data, at)
                start = self.sections[link][4] + name
                text = self.data[start : self.data.index(b"\0", start)].decode()
                yield Symbol(text, value, length, info >> 4 != 0)

    def relocations(self):
        """Yield the Relocations of all that is loaded."""
        for _, kind, _, _, offset, size, _, target, *_ in self.sections:
            if kind != SHT_RELA or not self.sections[target][2] & SHF_ALLOC:
                continue
            for at in range(offset, offset + size, 24):
                where, info = struct.unpack_from("<QQ", self.data, at)
                yield Relocation(where, info & 0xFFFFFFFF, self.symbols[info >> 32])

    def bytes_at(self, address, count):
        """Return the bytes that are loaded at an address from the file; b"" unless all are in one
        section."""
        for _, kind, flags, start, offset, size, *_ in self.sections:
            inside = start <= address and address + count <= start + size
            if flags & SHF_ALLOC and kind != SHT_NOBITS and inside:
                at = offset + address - start
                return bytes(self.data[at : at + count])
        return b""
