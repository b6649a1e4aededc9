#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the rules of an image that was built; fail the build if one is broken.

check_image.py [--any-size] IMAGE

1. Every backend's table is complete: no slot of a NAME_CLASS_ops is empty.
2. No segment of the image is both writable and executable.
3. The image ends below 8 MiB, where UEFI firmware for QEMU keeps memory of its own. Images with a
   program or another payload may be larger (--any-size): they are not started by UEFI.

tools/build/check_objects.py checks the rules of the tree's own objects, tools/build/check_world.py
that of programs and libc.
"""

import argparse
import pathlib
import struct
import sys

from build.elf import Elf
from paravane import optable

IMAGE_END_MAX = 8 << 20


def empty_slots(elf):
    """Yield one line for each empty slot of a class table, which breaks rule 1."""
    classes = optable.classes(optable.read_ops(pathlib.Path(".")))
    for symbol in elf.symbols:
        match = optable.CLASS_TABLE.fullmatch(symbol.name)
        if match and symbol.size:
            words = struct.unpack(f"<{symbol.size // 8}Q", elf.bytes_at(symbol.value, symbol.size))
            for op, word in zip(classes[match[1]], words, strict=True):
                if not word:
                    yield f"{symbol.name}: {op} is empty"


def writable_and_executable(elf):
    """Yield one line for each segment that breaks rule 2."""
    for kind, flags, _, vaddr, *_ in elf.segments:
        if kind == 1 and flags & 3 == 3:
            yield f"the segment at {vaddr:#x} is writable and executable"


def ends_too_high(elf):
    """Yield the fault of an image that ends above IMAGE_END_MAX (rule 3)."""
    end = max(paddr + size for kind, _, _, _, paddr, _, size, _ in elf.segments if kind == 1)
    if end > IMAGE_END_MAX:
        yield f"the image ends at {end:#x}, above {IMAGE_END_MAX:#x}: make static arrays smaller"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--any-size", action="store_true", help="UEFI does not start the image")
    parser.add_argument("image", type=pathlib.Path)
    args = parser.parse_args()

    elf = Elf(args.image)
    faults = [*empty_slots(elf), *writable_and_executable(elf)]
    if not args.any_size:
        faults += ends_too_high(elf)
    for fault in faults:
        print(f"check_image: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
