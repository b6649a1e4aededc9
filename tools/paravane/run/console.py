# SPDX-License-Identifier: MIT
"""Turn the bytes of a serial console into lines.

A serial console carries more than lines: firmware and GRUB move the cursor, Xen prints its own
lines in the middle of the guest's, and a broken guest prints without end. Both classes keep bounded
state, whatever the input is.
"""

import re

LINE_MAX = 4096  # a longer line is cut; no line of ours comes near
_ESCAPE_MAX = 32  # an unfinished escape sequence longer than this is not one

_ESCAPE = re.compile(rb"\x1b(?:\[[0-9;?=]*([@-~])|[()#][0-9A-Za-z]|[=>78cDEHMNOZ])")
_JUNK = bytes(set(range(32)) - set(b"\t\n\x1b")) + b"\x7f"
_XEN = "(XEN) "


class Cleaner:
    """Remove terminal control sequences from a byte stream. A sequence that moves the cursor
    becomes a line break."""

    def __init__(self):
        self._carry = b""
        self._last = b"\n"

    def feed(self, data):
        data = self._carry + data.translate(None, _JUNK)
        self._carry = b""
        cut = data.rfind(b"\x1b")
        if cut >= 0 and len(data) - cut < _ESCAPE_MAX and not _ESCAPE.match(data, cut):
            data, self._carry = data[:cut], data[cut:]
        # NUL, which _JUNK has just removed, stands for "a new line, unless we are on one".
        data = _ESCAPE.sub(lambda m: b"\0" if m.group(1) in (b"H", b"f", b"J") else b"", data)
        data = (self._last + data).replace(b"\x1b", b"")
        data = re.sub(rb"\n?\0[\0\n]*", b"\n", data)[1:]
        self._last = data[-1:] or self._last
        return data


class Lines:
    """Split a cleaned stream into lines, and move Xen's lines out of the middle of others."""

    def __init__(self):
        self._partial = b""
        self._held = ""

    def feed(self, data):
        """Yield every line that data completes, without its line end."""
        parts = (self._partial + data).split(b"\n")
        self._partial = parts.pop()[:LINE_MAX]
        for part in parts:
            yield from self._line(part[:LINE_MAX].decode("utf-8", "replace"))

    def flush(self):
        """Yield what is left at the end of the stream."""
        rest, self._partial = self._partial, b""
        if rest or self._held:
            yield self._held + rest.decode("utf-8", "replace")
        self._held = ""

    def _line(self, text):
        """Return the lines of one line: "abc(XEN) def" followed by "ghi" was "(XEN) def" and
        "abcghi"."""
        at = text.find(_XEN)
        if at < 0:
            yield self._held + text
            self._held = ""
            return
        self._held = (self._held + text[:at])[:LINE_MAX]
        yield text[at:]
