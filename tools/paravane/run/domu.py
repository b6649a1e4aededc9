# SPDX-License-Identifier: MIT
"""A domU of a real dom0: what is wanted as a file, and the command line of the program that runs
it.

tools/paravane/run/domu_machine.py restores the dom0 (tools/paravane/dom0/) and creates the guest in
it, with the guest's console as standard input and output.
"""

import dataclasses
import json
import sys
from pathlib import Path

from ..common import ROOT, short, usage
from ..dom0 import disks, guest, image
from ..dom0 import shape as shapes
from ..outer import saved

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


def command(platform, boot):
    """Return the command line that boots; what it is to boot is kept with the run."""
    reason = refusal(platform, boot)
    if reason:
        raise usage(f"{platform.name}: {NAME} does not make this guest: {reason}")
    saved.folder(shape(boot))
    path = boot.directory / "domu.json"
    path.write_text(json.dumps(description(platform, boot), indent=1) + "\n")
    return [sys.executable, "-B", short(ROOT / "tools/paravane/run/domu_machine.py"), short(path)]


def description(platform, boot):
    """Return what domu_machine.py reads."""
    made = shape(boot)
    wanted = guest.Wanted(
        platform.load(boot),
        words=" ".join(boot.words),
        mem=boot.mem,
        maxmem=boot.maxmem,
        smp=boot.smp,
        more="\n".join(boot.xl),
        disks=tuple(boot.disk),
    )
    return {
        "shape": {**dataclasses.asdict(made), "xen": made.xen and str(made.xen)},
        "guest": dataclasses.asdict(wanted),
        "image": str(boot.image),
        "module": str(boot.module),
    }


def read(path):
    """Return (Shape, Wanted, {name: bytes}) of such a description."""
    told = json.loads(Path(path).read_text(encoding="utf-8"))
    made = told["shape"]
    made["xen"] = made["xen"] and Path(made["xen"])
    made["xen_append"] = tuple(made["xen_append"])
    files = {name: Path(told[name]).read_bytes() for name in ("image", "module")}
    wanted = told["guest"]
    wanted["disks"] = tuple(disks.Disk(**disk) for disk in wanted["disks"])
    files.update(disks.contents(wanted["disks"]))
    return shapes.Shape(**made), guest.Wanted(**wanted), files


def refusal(_platform, boot):
    """Return why the guest cannot be made, or ""."""
    for asked, reason in (
        (boot.machine, "the machine below dom0 is fixed, so that --machine has no meaning"),
        (boot.icount, "what is counted would include dom0"),
        (
            boot.cpu and boot.cpu[0] not in "+-",
            "--cpu can only add (+) or remove (-) features there",
        ),
        (boot.maxmem and boot.maxmem < boot.mem, "--maxmem is less than --mem"),
    ):
        if asked:
            return reason
    return ""
