# SPDX-License-Identifier: MIT
"""Page tables in a recording: the entries of a table as fields of its line, and back.

entry[5]=0x1a3f063 is one entry. With entry[5].count=3 the next two have the next frames and the
same flags; with entry[5].step=-0x1000 the frames before, and with 0 the same frame. Entries that
are 0 are left out.
"""

import array
import re

ENTRIES = 512
PRESENT = 1
FRAME_MASK = 0x000F_FFFF_FFFF_F000
SHIFT = 12
PAGE = 1 << SHIFT
XEN_SLOTS = range(256, 272)  # of a root: Xen writes them itself
_KEY = re.compile(r"entry\[(\d{1,3})\]$")


def fields(data):
    """Return the fields of a table with these bytes."""
    found, values = {}, array.array("Q", data[: len(data) // 8 * 8])
    at = 0
    while at < len(values):
        count, step = _run(values, at)
        if values[at]:
            found[f"entry[{at}]"] = f"{values[at]:#x}"
            if count > 1:
                found[f"entry[{at}].count"] = str(count)
            if count > 1 and step != PAGE:
                found[f"entry[{at}].step"] = f"{step:#x}"
        at += count
    return found


def _run(values, at):
    """Return (count, step) of the entries from this one on that differ by whole frames."""
    if at + 1 == len(values) or not values[at] & values[at + 1] & PRESENT:
        return 1, PAGE
    step = values[at + 1] - values[at]
    if step % PAGE:
        return 1, PAGE
    count = 2
    while at + count < len(values) and values[at + count] == values[at] + count * step:
        count += 1
    return count, step


def entries(line):
    """Return the ENTRIES values of a table's line; raise ValueError."""
    found = [0] * ENTRIES
    for name, text in line.fields.items():
        match = _KEY.match(name)
        if not match:
            continue
        at, value = int(match[1]), int(text, 0)
        count = int(line.fields.get(f"{name}.count", "1"))
        step = int(line.fields.get(f"{name}.step", str(PAGE)), 0)
        if not 1 <= count <= ENTRIES - at:
            raise ValueError(f"{name} is not an entry")
        for more in range(count):
            found[at + more] = value + more * step
    if not all(0 <= value < 1 << 64 for value in found):
        raise ValueError("an entry has more than 64 bits")
    return found


def frame(entry):
    """Return the frame of an entry."""
    return (entry & FRAME_MASK) >> SHIFT
