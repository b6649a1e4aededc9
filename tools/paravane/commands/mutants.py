# SPDX-License-Identifier: MIT
"""Make each op, or a line of the source, wrong."""

from ..commandline import parse, run_options
from ..common import usage
from ..mutants import mutants, source_mutants
from ..run import platforms, runs


def run(args, caller):
    asked = parse("mutants", args,
                  ("--jobs", "--ops", "--filter", "--json", "--source", "--files", "--resume"))
    if asked.files and not asked.source:
        raise usage("--files names the source mutants of --source")
    if asked.resume and not (asked.source and asked.json):
        raise usage("--resume continues a run of --source from its --json FILE")
    if asked.source:
        return _source_mutants(asked, caller)
    chosen = platforms.parse(asked.on or "qemu,xen-pv,xen-pvh")
    options = run_options(asked, caller, chosen)
    options.pattern = asked.filter or ""
    path = caller / asked.json if asked.json else None
    return mutants.run(
        runs.RunDirectory(options.image), chosen, options, asked.jobs, asked.ops or ".*", path
    )


def _source_mutants(asked, caller):
    for option in ("on", "ops", "filter", "image"):
        if getattr(asked, option):
            raise usage(f"mutants --source: each mutant has its own, so --{option} has no meaning")
    options = run_options(asked, caller, platforms.parse("qemu,xen-pv,xen-pvh"))
    path = caller / asked.json if asked.json else None
    return source_mutants.run(options, asked.jobs, asked.files or "*", path, asked.resume)
