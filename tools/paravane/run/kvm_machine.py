#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run a guest of KVM, with its console as standard input and output: kvm_machine.py DESCRIPTION
(kvm.py writes it)

The exit status is that of the guest's debug-exit port. If the guest ended by anything else, the
last line is "kvm: the guest ended by WORDS"; if the Linux or KVM failed, it is "kvm: failed:
REASON", the exit status is 1, and standard error has the reason too.
"""

import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from paravane.kvm import guest
from paravane.outer.relay import Relay
from paravane.run import kvm, outer_guest

_VERDICT = "its debug-exit port"  # vmm.c


def _run(outer, wanted):
    """Return (how the guest ended, the monitor's status)."""
    relay = Relay(outer)
    relay.say(f"kvm: {outer.about}")
    outer.sh(f"date -u -s @{time.time():.0f}")
    one = guest.Guest(outer, wanted)
    while True:
        ended = relay.wait(one.poll)
        if ended:
            for line in one.counts:
                relay.say(f"kvm: {line}")
            return ended, one.status
        if ended == "":
            one.type(relay.typed())


def main(path):
    """Run one guest; return the exit status."""
    done = outer_guest.run("kvm", path, kvm.read(path), _run)
    if not done:
        return 1
    ended, status = done
    if ended != _VERDICT:
        print(f"\nkvm: the guest ended by {ended}", flush=True)
    return status


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    sys.exit(main(sys.argv[1]))
