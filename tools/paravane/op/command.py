# SPDX-License-Identifier: MIT
"""The command `./run.sh op [NAME]`."""

import difflib

from .. import optable
from ..commandline import parse_op, run_options
from ..common import EXIT_PASS, ROOT, usage
from ..run import platforms, runs
from . import dossier, sites, terminal

PLATFORMS = "qemu,xen-pv,xen-pvh"


def run(args, caller):
    """Print one op, or the list of all. Status: 0, or 2 for a name that is not an op's."""
    asked = parse_op(args)
    if not asked.name:
        terminal.print_list(optable.read(ROOT))
        return EXIT_PASS
    library = dossier.Library()
    name = asked.name.removeprefix("pv_")
    if name not in library.table.ops:
        similar = _similar(name, library.table.ops)
        raise usage(f"op: {asked.name!r} is not an op{similar}; ./run.sh op lists all")
    chosen = platforms.parse(asked.on or PLATFORMS)
    options = run_options(asked, caller, chosen)
    directory = runs.RunDirectory(options.image)
    found = sites.boot_one(directory, chosen, options, len(chosen), name)
    of_op = {
        platform: one if isinstance(one, str) else one.get(name, [])
        for platform, one in found.items()
    }
    terminal.print_dossier(library.dossier(name), of_op)
    return EXIT_PASS


def _similar(name, ops):
    close = difflib.get_close_matches(name, ops, 3) or [op for op in ops if name in op][:3]
    return f" (similar: {', '.join(close)})" if close else ""
