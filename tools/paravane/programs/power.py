# SPDX-License-Identifier: MIT
"""./run.sh programs power-cuts: SQLite on a disk of a domU that is destroyed at random moments.

Each boot checks what the one before has left, and continues with it (docs/apps.md).
"""

import random
import re
import time

from ..common import EXIT_FAIL, EXIT_PASS, EXIT_SKIP, Trouble
from ..dom0 import guest
from ..dom0 import shape as shapes
from ..outer import running
from ..run import module, platforms
from . import build, sources
from .table import PROGRAMS

NAME = "power-cuts"
PLATFORMS = [f"domu-{kind}" for kind in guest.TYPES]
CUTS = 20
_MEM = 64
_SECONDS_MAX = 1.5  # of work until a cut
_DISK = "/run/bank.img"
_XL = f'disk = ["format=raw,vdev=xvda,access=rw,target={_DISK}"]'
_CHECKED = r"^disk: (right, (\d+) transactions, journal \w+|wrong: .*?)\r?\n"
_COMMITTED = re.compile(r"^disk: committed (\d+)\r?\n", re.M)


def wanted_of(chosen):
    """Return those of the platforms on which the power can be cut."""
    return [one for one in chosen if one.name in PLATFORMS]


def run(chosen, cuts=CUTS):
    """Cut the power of a guest of each type among the platforms, or of PV; return the exit code."""
    wanted = wanted_of(chosen) or platforms.parse("domu-pv")
    program = PROGRAMS["kills"]
    with sources.folders(program, "compared") as (folder, _):
        image = build.for_guest(program, folder).read_bytes()
    failed = False
    for platform in wanted:
        reason = platforms.lacking(platform)
        if reason:
            raise Trouble(reason, EXIT_SKIP)
        wrong, committed = _cut_often(platform.name.removeprefix("domu-"), image, cuts)
        failed = failed or bool(wrong)
        print(f"{NAME} on {platform.name}: {wrong or f'{cuts} cuts, {committed} transactions'}",
              flush=True)  # fmt: skip
    return EXIT_FAIL if failed else EXIT_PASS


def _cut_often(kind, image, cuts):
    """Return (what is wrong or "", the last transaction that was committed)."""
    rng = random.Random(1)
    files = {"image": image, "module": module.test_module()}
    with running.Outer(shapes.Shape.of(_MEM), files, say=lambda line: None) as dom0:
        dom0.sh(f"truncate -s 4M {_DISK}")
        committed = 0
        for cut in range(cuts + 1):
            words = f"run=app:kills -- disk {cut} --"
            seen = len(dom0.console(1).text())
            one = guest.Guest(dom0, guest.Wanted(kind, words, mem=_MEM, more=_XL))
            found = one.expect(_CHECKED, start=seen)
            print(f"  boot {cut}: {found[1]}; before the cut {committed}", flush=True)
            wrong = fault(found, committed)
            if wrong:
                return f"FAIL: after cut {cut}: {wrong}", committed
            one.expect(_COMMITTED.pattern, start=seen)
            time.sleep(rng.uniform(0, _SECONDS_MAX))
            one.sh("xl destroy $D")
            one.wait()
            committed = last_committed(one.console.text(seen))
    return "", committed


def fault(found, committed):
    """Return what is wrong with what a boot has found on the disk, or "". found: the match of its
    line; committed: the last transaction whose end the boot before has printed."""
    if found[2] is None:
        return found[1]
    there = int(found[2])
    if there < committed:
        return f"the disk has {there} transactions, {committed} were committed"
    return ""


def last_committed(text):
    """Return the last transaction of which a guest's console says that it is committed."""
    return int(_COMMITTED.findall(text)[-1])
