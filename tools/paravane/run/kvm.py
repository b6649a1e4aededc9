# SPDX-License-Identifier: MIT
"""A guest of KVM: what is wanted as a file, and the command line of the program that runs it.

tools/paravane/run/kvm_machine.py restores the Linux (tools/paravane/kvm/) and starts the guest in
it, with the guest's console as standard input and output.
"""

import dataclasses
import json
import sys
from pathlib import Path

from ..common import ROOT, short, usage
from ..kvm import guest, image
from ..kvm import shape as shapes
from ..outer import saved

NAME = "the Linux with KVM"
HAS_GDB_STUB = False
RUNS_BELOW = True  # QEMU is a process below that of the command line


def missing():
    """Return what this computer lacks for a guest of KVM, or ""."""
    return "" if image.find() else "no Linux with KVM is assembled"


def shape(boot):
    """Return the machine for the Linux."""
    return shapes.Shape.of(
        boot.mem, cpus=boot.physical_cpus(), emulator=boot.emulator, cpu=boot.cpu
    )


def command(platform, boot):
    """Return the command line that boots; what it is to boot is kept with the run."""
    reason = refusal(platform, boot)
    if reason:
        raise usage(f"{platform.name}: {NAME} does not make this guest: {reason}")
    saved.folder(shape(boot))
    path = boot.directory / "kvm.json"
    path.write_text(json.dumps(description(platform, boot), indent=1) + "\n")
    return [sys.executable, "-B", short(ROOT / "tools/paravane/run/kvm_machine.py"), short(path)]


def description(platform, boot):
    """Return what kvm_machine.py reads."""
    options = (*platform.load(boot), *boot.vmm)
    wanted = guest.Wanted(" ".join(boot.words), boot.mem, boot.smp, options)
    return {
        "shape": dataclasses.asdict(shape(boot)),
        "guest": dataclasses.asdict(wanted),
        "image": str(boot.image),
        "module": str(boot.module),
    }


def read(path):
    """Return (Shape, Wanted, {name: bytes}) of such a description."""
    told = json.loads(Path(path).read_text(encoding="utf-8"))
    files = {name: Path(told[name]).read_bytes() for name in ("image", "module")}
    return shapes.Shape(**told["shape"]), guest.Wanted(**told["guest"]), files


def refusal(_platform, boot):
    """Return why the guest cannot be made, or ""."""
    for asked, reason in (
        (boot.machine, "its machine is fixed, so that --machine has no meaning"),
        (boot.icount, "what is counted would include that Linux"),
        (
            boot.cpu and boot.cpu[0] not in "+-",
            "--cpu can only add (+) or remove (-) features there",
        ),
    ):
        if asked:
            return reason
    return ""
