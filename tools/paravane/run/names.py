# SPDX-License-Identifier: MIT
"""Find the names of a backtrace's addresses if the image itself has none (make WITHOUT=names): read them from the
unstripped NAME.debug.elf beside NAME.elf."""

import bisect
import re
import subprocess

from ..common import short

_FRAME = re.compile(r"^\s*#\d+ ")
_ADDRESS = re.compile(r"(?<= )[0-9a-f]{16}$")


def is_frame(line):
    """Is it a backtrace's line?"""
    return bool(_FRAME.match(line))


def _lacks_name(line):
    return is_frame(line) and bool(_ADDRESS.search(line))


def named(lines, image):
    """Return (the lines, with the names that the twin has; the file of these names, or None)."""
    twin = image.with_suffix(".debug.elf")
    if not any(_lacks_name(line) for line in lines) or not _is_twin(image, twin):
        return lines, None
    functions = _functions(twin)
    return [
        _ADDRESS.sub(lambda m: _name(functions, m[0]), line) if _lacks_name(line) else line for line in lines
    ], short(twin)


def _is_twin(image, twin):
    """Is the code the same? It begins after the headers, and a loader's header is early in it."""
    start, size = 0x200, 0x4000
    return twin.exists() and image.read_bytes()[start:size] == twin.read_bytes()[start:size]


def _functions(twin):
    listing = subprocess.run(["nm", "-n", twin], check=True, capture_output=True, text=True).stdout
    fields = (line.split() for line in listing.splitlines())
    return [(int(f[0], 16), f[2]) for f in fields if len(f) == 3 and f[1] in "tTwW"]


def _name(functions, digits):
    """name+0xoffset, or the digits again where no function is."""
    address = int(digits, 16)
    at = bisect.bisect(functions, (address, "\x7f")) - 1
    if at < 0 or at == len(functions) - 1:
        return digits
    return f"{functions[at][1]}+{address - functions[at][0]:#x}"
