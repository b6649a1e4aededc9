# SPDX-License-Identifier: MIT
"""A guest of a Linux with KVM: the command line of its monitor, its console, and how it ends."""

import re
import shlex
from dataclasses import dataclass

from ..outer import running

_ENDED = re.compile(r"^vmm: ended by (.*)$", re.M)
_COUNTS = re.compile(r"^vmm: (?!ended by )(.*)$", re.M)
_FAULT = 3  # the monitor's status for a fault of its own or of KVM


@dataclass(frozen=True)
class Wanted:
    """A guest as it is wanted. options: those of the monitor (vmm/vmm.c); image, module: names of
    files in /run/in."""

    words: str = ""
    mem: int = 256
    smp: int = 1
    options: tuple = ()
    image: str = "image"
    module: str = "module"

    def command(self):
        words = [self.mem, self.smp, f"/run/in/{self.image}", f"/run/in/{self.module}", self.words]
        return shlex.join(["/vmm", *map(str, words), *self.options])


class Guest:
    """One virtual machine, started when the object is made. number: which of the machine's guests,
    from 1 on."""

    def __init__(self, outer, wanted, number=1):
        self.console = outer.console(number)
        self.end = None  # in words, once the guest has ended
        self.status = None  # of the monitor: that of the guest's debug-exit port
        self.counts = []  # of the monitor, in words, once the guest has ended
        self._outer, self._number = outer, number
        self._script = outer.start(f"exec {wanted.command()} <>/dev/port{number + 1} >&0")

    def poll(self):
        """Return how the guest ended, or None if it has not. Raise Failed if the monitor or KVM
        failed."""
        result = None if self.end else self._outer.result(self._script)
        if result:
            self.status, output = result
            said = _ENDED.search(output)
            self.counts = _COUNTS.findall(output)
            self.end = said[1] if said else f"status {self.status} of its monitor: {output.strip()}"
            if not said or self.status == _FAULT:
                raise running.Failed(f"the guest's monitor ended by {self.end}")
        return self.end

    def wait(self, limit=running.LIMIT):
        """Return how the guest ended."""
        found = self._outer.wait_for(self.poll, limit)
        if found is None:
            raise running.Failed(f"guest {self._number} still runs after {limit:g} s")
        return found

    def type(self, data):
        """Type bytes at the guest's console."""
        self._outer.write(self._number, data)
