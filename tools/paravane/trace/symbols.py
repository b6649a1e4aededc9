# SPDX-License-Identifier: MIT
"""The numbers of a recording that a replay has otherwise: frames, ports, handles, page tables."""

from . import arguments, frames


class Symbols:
    """The numbers that are symbols. words: their initial values."""

    def __init__(self, events, known, of_guest):
        self.words, self.mfns = [], {}
        self.frames = of_guest
        self._numbers = {}
        self._filled = set()  # tables whose lines precede
        self._roots = {}  # CPU: mfn of the root that it has loaded, if not the kernel's
        for event in events:
            if of_guest.are_known and event.line.kind == "call":
                self._look_at(event, known)

    def _look_at(self, event, known):
        """Find the frames that need one of their own."""
        line = event.line
        for name, kind, value in arguments.given(event, known):
            if kind == "mfn":
                order = int(line.fields.get("arg.out.extent_order", "0"), 0)
                self.frames.add_returned(int(value, 0), 1 << min(order, 9))
                if "frame_list[" in name:  # Xen's, and mapped one by one
                    self.frames.add_special(int(value, 0))
        for name, kind in arguments.kinds(line, known):
            try:
                value = arguments.number(line.fields.get(name, "0"), known, kind)
                found = arguments.frame_in(line, name, kind, value, True)
            except ValueError:
                continue  # the step reports it
            if found and kind != "pte":
                self.frames.add_special(found[0])

    def of_frame(self, mfn):
        """Return the symbol of a frame, or None if its number stays."""
        found = self.frames.key(mfn)
        return found and self._symbol(*found)

    def of_returned(self, kind, value):
        """Return the symbol that a returned number gives a value to, or None."""
        if kind != "mfn":
            return self._symbol((kind, value), frames.ZERO)
        key, _ = self.frames.key(int(value, 0)) or (("", 0), 0)
        return self._symbol(key, frames.ZERO) if key[0] == "mfn" else None

    def of_number(self, kind, value):
        """Return the symbol of a port or handle that a call has returned before, or None."""
        return self._numbers.get((kind, value))

    def _symbol(self, key, word):
        if key not in self._numbers:
            self._numbers[key] = len(self.words)
            if isinstance(key[1], int):
                self.mfns[len(self.words)] = key[1]
            self.words.append(word)
        return self._numbers[key]

    def root(self, line):
        """Return the symbol of the root on which the CPU of this line is."""
        return self.of_frame(self._roots.get(line.cpu, self.frames.root))

    def has_root(self, line):
        """Return whether that root is in the recording, and before this line."""
        return self._roots.get(line.cpu, self.frames.root) in self._filled

    def load_root(self, line, mfn):
        self._roots[line.cpu] = mfn

    def fill(self, mfn):
        """Note that the entries of a table are known; return its symbol."""
        self._filled.add(mfn)
        return self.of_frame(mfn)
