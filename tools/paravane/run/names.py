# SPDX-License-Identifier: MIT
"""Find the names of a backtrace's addresses, for an image without names (make WITHOUT=names).

The names come from NAME.debug.elf, the unstripped twin beside NAME.elf.
"""

import bisect
import re
import subprocess

from ..common import short

_FRAME = re.compile(r"^\s*#\d+ ")
_ADDRESS = re.compile(r"(?<= )[0-9a-f]{16}$")


def is_frame(line):
    """Return whether a line is one of a backtrace."""
    return bool(_FRAME.match(line))


def _lacks_name(line):
    return is_frame(line) and bool(_ADDRESS.search(line))


def named(lines, image):
    """Return (the lines, with the names that the twin has; the twin's path, or None)."""
    twin = image.with_suffix(".debug.elf")
    if not any(_lacks_name(line) for line in lines) or not _is_twin(image, twin):
        return lines, None
    functions = _functions(twin)
    return [
        _ADDRESS.sub(lambda m: _name(functions, m[0]), line) if _lacks_name(line) else line
        for line in lines
    ], short(twin)


def _is_twin(image, twin):
    """Return whether two files have the same code. Compare it from after the headers on."""
    start, size = 0x200, 0x4000
    return twin.exists() and image.read_bytes()[start:size] == twin.read_bytes()[start:size]


def _functions(twin):
    listing = subprocess.run(["nm", "-n", twin], check=True, capture_output=True, text=True).stdout
    fields = (line.split() for line in listing.splitlines())
    return [(int(f[0], 16), f[2]) for f in fields if len(f) == 3 and f[1] in "tTwW"]


def _name(functions, digits):
    """Return name+0xoffset for an address, or its digits if no function is there."""
    address = int(digits, 16)
    at = bisect.bisect(functions, (address, "\x7f")) - 1
    if at < 0 or at == len(functions) - 1:
        return digits
    return f"{functions[at][1]}+{address - functions[at][0]:#x}"
