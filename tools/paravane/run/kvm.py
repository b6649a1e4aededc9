# SPDX-License-Identifier: MIT
"""A guest of KVM: what is wanted as a file, and the command line of the program that runs it.

tools/paravane/run/kvm_machine.py restores the Linux (tools/paravane/kvm/) and starts the guest in
it, with the guest's console as standard input and output.
"""

import sys

from ..kvm import guest, image
from ..kvm import shape as shapes
from . import outer_guest

NAME = "the Linux with KVM"
HAS_GDB_STUB = False
RUNS_BELOW = True  # QEMU is a process below that of the command line


def missing():
    """Return what this computer lacks for a guest of KVM, or ""."""
    return "" if image.find() else "no Linux with KVM is assembled"


def shape(boot):
    """Return the machine for the Linux."""
    return shapes.Shape.of(
        boot.mem, cpus=boot.physical_cpus(), emulator=boot.emulator, cpu=boot.cpu,
        counted=boot.icount,
    )  # fmt: skip


def memory(_platform, boot):
    """Return the memory of the Linux's machine, in MiB."""
    return shapes.Shape.of(boot.mem).mem


def command(platform, boot):
    """Return the command line that boots."""
    return outer_guest.command("kvm", platform, boot, sys.modules[__name__])


def description(platform, boot):
    """Return what kvm_machine.py reads."""
    options = (*platform.load(boot), *boot.vmm)
    wanted = guest.Wanted(" ".join(boot.words), boot.mem, boot.smp, options)
    return outer_guest.description(boot, shape(boot), wanted)


def read(path):
    """Return (Shape, Wanted, {name: bytes}) of such a description."""
    made, wanted, files = outer_guest.read(path)
    return shapes.Shape(**made), guest.Wanted(**wanted), files


def refusal(_platform, boot):
    """Return why the guest cannot be made, or ""."""
    return outer_guest.reason_against(boot, machine="its machine", counted="")
