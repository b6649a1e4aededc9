#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run a domU, with its console as standard input and output: domu_machine.py DESCRIPTION (domu.py
writes it)

Xen's lines are printed among those of the guest. The last line is "domu: the domain ended by WORD",
or "domu: failed: REASON" if the dom0 or its toolstack failed; then the exit status is 1 and
standard error has the reason too. Three Ctrl-A at once, and what follows them, go to Xen's own
console.
"""

import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from paravane.dom0 import guest
from paravane.outer import running
from paravane.outer.relay import Relay
from paravane.run import domu, outer_guest

_CREATE_LIMIT = 40  # seconds of QEMU's own time in which xl creates a domain; it takes 2
_TO_XEN = b"\x01\x01\x01"
# What Xen prints of each PVH guest, and not of a mistake of the guest.
_USUAL = re.compile(r"HVM ?d?\d+(v\d+)? (save|restore): |d\d+v\d+: upcall vector ")


class DomU:
    """A domain whose console is this program's standard input and output."""

    def __init__(self, dom0, wanted):
        self._dom0 = dom0
        dom0.on_line = self._xen_line
        self._relay = Relay(dom0)
        self._relay.say(dom0.about)
        self._guest = guest.Guest(dom0, wanted, say=self._relay.say, resumes=True)

    def run(self):
        """Return how the domain ended."""
        created = False
        while True:
            ended = self._relay.wait(self._guest.poll)
            if ended:
                return ended
            if ended == "":
                self._type(self._relay.typed())
            created = created or bool(self._guest.console.data)
            if not created and self._dom0.clock.seconds() > _CREATE_LIMIT:
                created = self._was_created()

    def _was_created(self):
        if self._guest.was_created() is None:
            raise running.Failed("the dom0 hangs")
        if not self._guest.was_created():
            raise running.Failed(
                f"xl create hangs: the domain does not run after {_CREATE_LIMIT} s"
            )
        return True

    def _type(self, data):
        if data.startswith(_TO_XEN):
            self._dom0.type(data)
        elif data:
            self._guest.type(data)

    def _xen_line(self, line):
        if line.startswith("(XEN) ") and not _USUAL.search(line):
            self._relay.say(line)


def main(path):
    """Run one guest; return the exit status."""
    ended = outer_guest.run("domu", path, domu.read(path),
                            lambda *machine: DomU(*machine).run())
    if not ended:
        return 1
    print(f"\ndomu: the domain ended by {ended}", flush=True)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    sys.exit(main(sys.argv[1]))
