# SPDX-License-Identifier: MIT
"""Check an ELF file before a machine boots it.

A machine with a file that cannot boot would print nothing. So refuse it here, with one line.
"""

import struct

from ..common import EXIT_USAGE, Trouble, short

_PT_LOAD, _PT_NOTE = 1, 4
_NOTE_PHYS32_ENTRY = 18  # xen/elfnote.h


def check(path):
    """Raise Trouble unless path is an image that Paravane's platforms can load."""
    wrong = _wrong_with(_read(path))
    if wrong:
        raise Trouble(f"{short(path)} cannot be booted: {wrong}; build it with make", EXIT_USAGE)


def _read(path):
    try:
        return path.read_bytes()
    except OSError as error:
        raise Trouble(
            f"cannot read the image {short(path)}: {error.strerror}", EXIT_USAGE
        ) from error


def _wrong_with(data):
    if data[:4] != b"\x7fELF":
        return "it is not an ELF file"
    if len(data) < 64 or data[4:6] != b"\x02\x01" or struct.unpack_from("<H", data, 18)[0] != 62:
        return "it is not an ELF file for x86-64"
    table, size, count = struct.unpack_from("<Q14xHH", data, 32)
    if size != 56 or not count or table + size * count > len(data):
        return "its program headers lie outside of the file"
    notes = b""
    for i in range(count):
        kind, offset, length = struct.unpack_from("<I4xQ16xQ", data, table + i * size)
        if kind in (_PT_LOAD, _PT_NOTE) and offset + length > len(data):
            return "it is cut off"
        if kind == _PT_NOTE:
            notes += data[offset : offset + length]
    if struct.pack("<I4s", _NOTE_PHYS32_ENTRY, b"Xen\0") not in notes:
        return "it has no PVH entry note"
    return ""
