#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run a domU, with its console as standard input and output: domu_machine.py DESCRIPTION (domu.py
writes it)

Xen's lines are printed among those of the guest. The last line is "domu: the domain ended by WORD",
or "domu: failed: REASON" if the dom0 or its toolstack failed; then the exit status is 1 and
standard error has the reason too. Three Ctrl-A at once, and what follows them, go to Xen's own
console.
"""

import os
import re
import select
import sys
import threading
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from paravane.common import Trouble
from paravane.dom0 import guest, running
from paravane.run import domu

_CREATE_LIMIT = 40  # seconds of QEMU's own time in which xl creates a domain; it takes 2
_QUIET = 0.3  # seconds after which nothing more is on its way from an ended domain
_DRAIN_LIMIT = 5.0
_TO_XEN = b"\x01\x01\x01"
# What Xen prints of each PVH guest, and not of a mistake of the guest.
_USUAL = re.compile(r"HVM ?d?\d+(v\d+)? (save|restore): |d\d+v\d+: upcall vector ")


class Relay:
    """Moves bytes between a guest and this program's standard input and output."""

    def __init__(self, dom0, wanted):
        self._dom0 = dom0
        self._lock = threading.Lock()
        dom0.on_line = self._xen_line
        dom0.console(1).on_data = self._print
        self._say(dom0.hypervisor)
        self._guest = guest.Guest(dom0, wanted, say=self._say, resumes=True)
        self._input = [0]

    def run(self):
        """Return how the domain ended."""
        created = False
        while True:
            ended = self._dom0.wait_for(
                lambda: self._guest.poll() or ("" if self._typed() else None), 1
            )
            if ended:
                self._drain()
                return ended
            if ended == "":
                self._type()
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

    def _typed(self):
        return bool(select.select(self._input, [], [], 0)[0])

    def _type(self):
        data = os.read(0, 1024)
        if not data:
            self._input = []
        elif data.startswith(_TO_XEN):
            self._dom0.type_to_xen(data)
        else:
            self._guest.type(data)

    def _drain(self):
        """Print what the guest has sent and xenconsoled has not passed on yet."""
        quiet = 0.0
        while quiet < _DRAIN_LIMIT:
            size = len(self._guest.console.data)
            with self._dom0.changed:
                self._dom0.changed.wait(_QUIET)
            quiet += _QUIET
            if len(self._guest.console.data) == size:
                return

    def _xen_line(self, line):
        if line.startswith("(XEN) ") and not _USUAL.search(line):
            self._print(line.encode() + b"\n")

    def _say(self, line):
        self._print(line.encode() + b"\n")

    def _print(self, data):
        with self._lock:
            while data:
                data = data[os.write(1, data) :]


def main(path):
    """Run one guest; return the exit status."""
    shape, wanted, files = domu.read(path)
    try:
        with running.Dom0(shape, files) as dom0:
            ended = Relay(dom0, wanted).run()
    except Trouble as trouble:
        print(f"\ndomu: failed: {trouble}", flush=True)
        print(f"domu: {trouble}", file=sys.stderr)
        return 1
    print(f"\ndomu: the domain ended by {ended}", flush=True)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    sys.exit(main(sys.argv[1]))
