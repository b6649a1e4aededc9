# SPDX-License-Identifier: MIT
"""What the guests of an outer machine have in common (kvm.py, domu.py): a file that describes what
is wanted, the command line of the program that reads it and runs the guest, and that program's
frame.

The program is tools/paravane/run/KIND_machine.py. Its last line is "KIND: failed: REASON" if the
outer machine failed; then standard error has the reason, too.
"""

import dataclasses
import json
import sys
from pathlib import Path

from ..common import ROOT, Trouble, short, usage
from ..outer import running, saved


def reason_against(boot, machine, counted):
    """Return why an outer machine cannot make a guest for this boot, or "".

    machine: the words for what is below the guest; counted: for what runs beside it, or "" if
    instructions may be counted.
    """
    for asked, reason in (
        (boot.machine, f"{machine} is fixed, so that --machine has no meaning"),
        (boot.icount and counted, f"what is counted would include {counted}"),
        (
            boot.cpu and boot.cpu[0] not in "+-",
            "--cpu can only add (+) or remove (-) features there",
        ),
    ):
        if asked:
            return reason
    return ""


def description(boot, shape, wanted):
    """Return a description: the guest's Shape and Wanted as dictionaries, and its files."""
    return {
        "shape": dataclasses.asdict(shape),
        "guest": dataclasses.asdict(wanted),
        "image": str(boot.image),
        "module": str(boot.module),
        "ram": boot.recorder and boot.recorder.fd,
    }


def command(kind, platform, boot, emulator):
    """Return the command line that boots; what it is to boot is kept with the run. Boot and save
    the outer machine first, unless it has a saved state."""
    reason = emulator.refusal(platform, boot)
    if reason:
        raise usage(f"{platform.name}: {emulator.NAME} does not make this guest: {reason}")
    saved.folder(emulator.shape(boot))
    path = write(emulator.description(platform, boot), boot.directory / f"{kind}.json")
    program = ROOT / f"tools/paravane/run/{kind}_machine.py"
    return [sys.executable, "-B", short(program), short(path)]


def write(described, path):
    """Write a description to a file, and return its path."""
    path.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    return path


def read(path):
    """Return (the dictionary of the Shape, that of the Wanted, {name: bytes}) of a description."""
    told = json.loads(Path(path).read_text(encoding="utf-8"))
    files = {name: Path(told[name]).read_bytes() for name in ("image", "module")}
    return told["shape"], told["guest"], files


def ram(path):
    """Return the descriptor of the file that is to be the outer machine's RAM, or None."""
    return json.loads(Path(path).read_text(encoding="utf-8"))["ram"]


def run(kind, path, described, body):
    """Restore the outer machine of the description in the file path, which read() of kvm.py or
    domu.py has read, and return body(machine, wanted); None if the machine failed."""
    shape, wanted, files = described
    try:
        with running.Outer(shape, files, ram=ram(path)) as outer:
            return body(outer, wanted)
    except Trouble as trouble:
        print(f"\n{kind}: failed: {trouble}", flush=True)
        print(f"{kind}: {trouble}", file=sys.stderr)
        return None
