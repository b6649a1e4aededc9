# SPDX-License-Identifier: MIT
"""The frames of a recorded guest: what the number of each stands for in a replay.

A PV recording has the P2M and the page tables of its guest (pv/xen/record/tables.c). So a number in
a call is one of these:

- a table, or a frame that the guest gives back or hands to Xen: it becomes a frame of its own in
  the replay, until a call returns that number;
- a frame of the image: the frame of the same page of the image that replays;
- another frame of the guest: memory whose contents no call depends on. One frame of the replay
  stands for all of them;
- a frame that the guest does not have, such as a device's: the number stays.

A PVH guest's calls have its own numbers of frames, and each of them becomes a frame.
"""

import bisect

from . import tables

VIRT_BASE = 0xFFFF_FFFF_8000_0000  # lib/address_map.h
FIXMAP_BASE = 0xFFFF_FFFF_FFE0_0000
# Commands of mmuext_op: those whose arg1 is a frame, and those whose arg2 leads to a set of vCPUs.
MFN_COMMANDS = {f"MMUEXT_{name}" for name in (
    "PIN_L1_TABLE", "PIN_L2_TABLE", "PIN_L3_TABLE", "PIN_L4_TABLE", "UNPIN_TABLE", "NEW_BASEPTR",
    "NEW_USER_BASEPTR", "CLEAR_PAGE", "COPY_PAGE")}
MASK_COMMANDS = {"MMUEXT_TLB_FLUSH_MULTI", "MMUEXT_INVLPG_MULTI"}
# The kinds of a symbol's initial value (trace/program.h).
ZERO, FRAME, UNMAPPED, IMAGE = range(4)


class Frames:
    """The frames of one recording."""

    def __init__(self):
        self.root = None  # the kernel's
        self._runs = []  # of the P2M: (first mfn, count), sorted
        self._image = {}  # mfn: address
        self._tables = set()
        self._special = set()
        self._returned = set()

    def add(self, line):
        """Take a line about frames or a table."""
        if line.kind == "frames":
            bisect.insort(self._runs, (_number(line, "mfn"), _number(line, "count")))
        else:
            self._add_table(line)

    @property
    def are_known(self):
        """Return whether the recording has the guest's frames, and with them its tables."""
        return bool(self._runs)

    def _add_table(self, line):
        mfn, va = _number(line, "mfn"), _number(line, "va")
        self._tables.add(mfn)
        if line.name == "level4" and line.fields.get("pinned") == "1" and self.root is None:
            self.root = mfn
        if is_image(line) and self.root is None:
            for at, entry in enumerate(tables.entries(line)):
                if entry & tables.PRESENT:
                    self._image[tables.frame(entry)] = va + at * tables.PAGE

    def add_special(self, mfn):
        """Note a frame that a call names by itself: it needs one of its own."""
        self._special.add(mfn)

    def key(self, mfn):
        """Return (the key of a frame's symbol, its initial word), or None: the number stays."""
        if not self.are_known:
            return ("mfn", mfn), FRAME
        if mfn in self._tables:
            return ("mfn", mfn), UNMAPPED
        if mfn in self._image:
            return ("image", mfn), IMAGE | self._image[mfn]
        if mfn in self._special:
            return ("mfn", mfn), UNMAPPED if self._is_own(mfn) else ZERO
        return (("any", 0), FRAME) if self._is_own(mfn) else None

    def _is_own(self, mfn):
        if mfn in self._returned:
            return True
        at = bisect.bisect_right(self._runs, (mfn, 1 << 62)) - 1
        return at >= 0 and mfn < self._runs[at][0] + self._runs[at][1]

    def add_returned(self, mfn, count=1):
        """Note frames that a call has returned: they are the guest's."""
        self._returned.update(range(mfn, mfn + count))


def has_any(line, mfns):
    """Return whether the frames of a line are some of these."""
    first = _number(line, "mfn")
    return any(first <= mfn < first + _number(line, "count") for mfn in mfns)


def is_image(line):
    """Return whether a table maps pages of the image."""
    return line.name == "level1" and VIRT_BASE <= _number(line, "va") < FIXMAP_BASE


def level(line):
    """Return the level of a table's line; raise ValueError."""
    if line.name not in ("level1", "level2", "level3", "level4"):
        raise ValueError(f"{line.name} is not level1 to level4")
    return int(line.name[-1])


def _number(line, name):
    return int(line.fields[name], 0)
