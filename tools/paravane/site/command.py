# SPDX-License-Identifier: MIT
"""The command `./run.sh docs`: build the site, and check it."""

import shutil

from ..commandline import parse, run_options
from ..common import EXIT_FAIL, EXIT_PASS, build_dir, make_dirs, short
from ..op import dossier, sites
from ..op.command import PLATFORMS
from ..run import platforms, runs
from . import build, check, pages


def run(args, caller):
    """Build build/site/. Status: 0, or 1 with a line for each fault that the checks find."""
    asked = parse("docs", args)
    chosen = platforms.parse(asked.on or PLATFORMS)
    options = run_options(asked, caller, chosen)
    found = sites.boot_all(runs.RunDirectory(options.image), chosen, options, len(chosen))
    written = pages.Pages(dossier.Library(), found, pages.source_link("../../"))
    source, target = build_dir() / "site-source", build_dir() / "site"
    make_dirs(build_dir())
    build.assemble(source, written.all())
    shutil.rmtree(target, ignore_errors=True)
    build.run_sphinx(source, target)
    faults = check.faults(target)
    for fault in faults:
        print(f"run.sh: docs: {fault}")
    count, size = check.size(target)
    print(f"{short(target)}/index.html: {count} files, {size / 1e6:.1f} MB")
    return EXIT_FAIL if faults else EXIT_PASS
