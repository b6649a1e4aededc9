# SPDX-License-Identifier: MIT
"""Bring the next second of a machine's real-time clock near, because Xen waits for it at boot.

Xen reads the date where the clock's update flag falls, once a second (get_cmos_time() in its
arch/x86/time.c), and polls until then: half a second on average, more than all the rest of its
boot. A clock whose divider was held in reset and released begins its next second 500 ms later
(MC146818A data sheet, "Divider control"; hw/rtc/mc146818rtc.c of QEMU). So the divider is reset
when Xen begins to print, about 400 ms before it reads the date on an idle computer, and again where
a busy one turns out to be too late for that second. The date that Xen reads is wrong by less than a
second, as it is anyway.

The registers are written by QEMU's monitor while Xen calibrates its timers: it does not use the
clock between its first line and the reading. Where instructions are counted, nothing may depend on
this computer's speed: there the divider is reset before the machine starts.
"""

import socket

# Printed by all versions, between the first line and the reading of the date.
_CALIBRATES = "..TIMER: vector="
_LEFT = 0.8  # the time from that line to the reading, in units of that from the first line to it
_HALF = 0.5  # seconds from the release of the divider to the next second
# To port and data port: register A with the divider in reset, then at 32.768 kHz with QEMU's rate.
_RESET = b"o/b 0x70 0x0a\no/b 0x71 0x70\no/b 0x70 0x0a\no/b 0x71 0x26\n"


class ClockEdge:
    """Watches what a machine prints, and resets its clock's divider. counted: reset it once, before
    the machine starts. options: for QEMU's command line; fd: what QEMU inherits."""

    def __init__(self, counted=False):
        self._counted = counted
        self._ours, self._theirs = socket.socketpair()
        self.fd = self._theirs.fileno()
        self.options = ["-chardev", f"socket,id=clock,fd={self.fd}",
                        "-mon", "chardev=clock,mode=readline"]  # fmt: skip
        if counted:
            self.options.append("-S")
        self._first = 0.0

    def started(self):
        """QEMU has inherited its end."""
        self._theirs.close()
        if self._counted:
            self._send(_RESET + b"cont\n")

    def feed(self, line, now):
        """Take a line of the console, which came at `now` (seconds)."""
        if self._counted:
            return
        if not self._first and line.startswith("(XEN)"):
            self._first = now
            self._send(_RESET)
        elif self._first and _CALIBRATES in line:
            if now + _LEFT * (now - self._first) > self._first + _HALF:
                self._send(_RESET)

    def _send(self, commands):
        try:
            self._ours.send(commands, socket.MSG_DONTWAIT)
        except OSError:
            pass  # QEMU has just ended, which is not for this to report

    def close(self):
        self._ours.close()
