# SPDX-License-Identifier: MIT
"""Run random code and frames of user mode."""

from .. import hostile, wanted
from ..commandline import parse, run_options
from ..common import usage
from ..run import platforms, runs


def run(args, caller):
    asked = parse("hostile", args,
                  ("--jobs", "--cases", "--seed", "--case", "--shared", "--frames"), machine=True)
    if asked.case is not None and (asked.shared or asked.frames):
        raise usage("--case decodes one case of user mode; not with --shared or --frames")
    chosen = platforms.parse(asked.on or "qemu,xen-pv,xen-pvh")
    options = wanted.one(asked, caller, chosen, run_options(asked, caller, chosen))
    first, cases = (0, asked.cases) if asked.case is None else (asked.case, 1)
    directory = runs.RunDirectory(options.image)
    kind = "shared" if asked.shared else "frames" if asked.frames else ""
    return hostile.run(
        directory, chosen, options, hostile.Wanted(asked.seed, first, cases, kind), asked.jobs
    )
