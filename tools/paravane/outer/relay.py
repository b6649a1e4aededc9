# SPDX-License-Identifier: MIT
"""Relay a guest's console to this program's standard output, and read standard input for it."""

import os
import select
import threading

# Seconds of QEMU's own time after which nothing more is on its way from an ended guest.
_QUIET = 0.3
_DRAIN_LIMIT = 5.0
_LOOK = 0.1
_TYPED_MAX = 1024


class Relay:
    """The console of guest 1 of an outer machine."""

    def __init__(self, outer):
        self._outer = outer
        self._lock = threading.Lock()
        self._input = [0]
        outer.console(1).on_data = self.print

    def print(self, data):
        with self._lock:
            while data:
                data = data[os.write(1, data) :]

    def say(self, line):
        self.print(line.encode() + b"\n")

    def is_typed(self):
        return bool(select.select(self._input, [], [], 0)[0])

    def wait(self, poll):
        """Wait a second for the guest or for input. Return what poll() returns of an ended guest,
        when all that it sent is printed; "" if something was typed; None otherwise."""
        ended = self._outer.wait_for(lambda: poll() or ("" if self.is_typed() else None), 1)
        if ended:
            self.drain()
        return ended

    def typed(self):
        """Return what was typed; b"" at the end of the input, after which nothing is typed."""
        data = os.read(0, _TYPED_MAX)
        if not data:
            self._input = []
        return data

    def drain(self):
        """Print what the guest has sent and is on its way."""
        console, clock = self._outer.console(1), self._outer.clock
        start = last = clock.seconds()
        size = len(console.data)
        while clock.seconds() - last < _QUIET and clock.seconds() - start < _DRAIN_LIMIT:
            with self._outer.changed:
                self._outer.changed.wait(_LOOK)
            if len(console.data) != size:
                size, last = len(console.data), clock.seconds()
