# SPDX-License-Identifier: MIT
"""A domU of a real dom0: what is wanted as a file, and the command line of the program that runs
it.

tools/paravane/run/domu_machine.py restores the dom0 (tools/paravane/dom0/) and creates the guest in
it, with the guest's console as standard input and output.
"""

import sys
from pathlib import Path

from ..dom0 import disks, guest, image
from ..dom0 import shape as shapes
from . import outer_guest

NAME = "the dom0"
HAS_GDB_STUB = False
RUNS_BELOW = True  # QEMU is a process below that of the command line


def missing():
    """Return what this computer lacks for a domU, or ""."""
    return "" if image.find() else "no dom0 is assembled"


def shape(boot):
    """Return the machine for the dom0."""
    return shapes.Shape.of(
        boot.mem,
        cpus=boot.physical_cpus(),
        emulator=boot.emulator,
        cpu=boot.cpu,
        xen=boot.xen if boot.xen_asked else None,
        xen_append=boot.xen_append,
    )


def memory(_platform, boot):
    """Return the memory of the machine below dom0, in MiB."""
    return shapes.Shape.of(boot.mem).mem


def command(platform, boot):
    """Return the command line that boots."""
    return outer_guest.command("domu", platform, boot, sys.modules[__name__])


def description(platform, boot):
    """Return what domu_machine.py reads."""
    wanted = guest.Wanted(
        platform.load(boot),
        words=" ".join(boot.words),
        mem=boot.mem,
        maxmem=boot.maxmem,
        smp=boot.smp,
        more="\n".join(boot.xl),
        disks=tuple(boot.disk),
        nets=boot.net,
    )
    described = outer_guest.description(boot, shape(boot), wanted)
    xen = described["shape"]["xen"]
    described["shape"]["xen"] = xen and str(xen)
    return described


def read(path):
    """Return (Shape, Wanted, {name: bytes}) of such a description."""
    made, wanted, files = outer_guest.read(path)
    made["xen"] = made["xen"] and Path(made["xen"])
    made["xen_append"] = tuple(made["xen_append"])
    wanted["disks"] = tuple(disks.Disk(**disk) for disk in wanted["disks"])
    files.update(disks.contents(wanted["disks"]))
    return shapes.Shape(**made), guest.Wanted(**wanted), files


def refusal(_platform, boot):
    """Return why the guest cannot be made, or ""."""
    reason = outer_guest.reason_against(boot, machine="the machine below dom0", counted="dom0")
    if not reason and boot.maxmem and boot.maxmem < boot.mem:
        return "--maxmem is less than --mem"
    return reason
