# SPDX-License-Identifier: MIT
"""When the divider of a machine's clock is reset, by what Xen prints and when."""

import os
import unittest

from paravane.run.clock_edge import ClockEdge

_FIRST = "(XEN) Xen version 4.17.7"
_CALIBRATES = "(XEN) [    0.205924] ..TIMER: vector=0xF0 apic1=0 pin1=2 apic2=-1 pin2=-1"


class ClockEdgeTest(unittest.TestCase):
    def resets(self, *lines):
        """Return at which of the (line, seconds) the divider was reset."""
        edge = ClockEdge()
        queue = os.dup(edge.fd)
        os.set_blocking(queue, False)
        edge.started()
        found = []
        for line, now in lines:
            edge.feed(line, now)
            try:
                written = os.read(queue, 4096).decode().splitlines()
            except BlockingIOError:
                continue
            self.assertEqual(
                written, ["o/b 0x70 0x0a", "o/b 0x71 0x70", "o/b 0x70 0x0a", "o/b 0x71 0x26"]
            )
            found.append(now)
        edge.close()
        os.close(queue)
        return found

    def test_once_on_an_idle_computer(self):
        lines = ("SeaBIOS", 9.9), (_FIRST, 10.07), (_CALIBRATES, 10.27)
        self.assertEqual(self.resets(*lines), [10.07])

    def test_again_on_a_busy_one(self):
        self.assertEqual(self.resets((_FIRST, 10.2), (_CALIBRATES, 10.6)), [10.2, 10.6])

    def test_never_without_xen(self):
        lines = ("paravane: Paravane 0.2", 1.0), ("..TIMER: vector=", 2.0)
        self.assertEqual(self.resets(*lines), [])

    def test_before_the_start_where_instructions_are_counted(self):
        edge = ClockEdge(counted=True)
        self.assertIn("-S", edge.options)
        queue = os.dup(edge.fd)
        edge.started()
        edge.feed(_FIRST, 10.2)
        edge.feed(_CALIBRATES, 10.9)
        written = os.read(queue, 4096).decode().splitlines()
        self.assertEqual(
            written, ["o/b 0x70 0x0a", "o/b 0x71 0x70", "o/b 0x70 0x0a", "o/b 0x71 0x26", "cont"]
        )
        edge.close()
        os.close(queue)

    def test_a_machine_that_has_ended_is_no_error(self):
        edge = ClockEdge()
        edge.started()
        edge.feed(_FIRST, 1.0)
        edge.close()
