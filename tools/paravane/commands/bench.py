# SPDX-License-Identifier: MIT
"""Measure, and compare with what was measured before."""

import os

from .. import report
from ..bench import (bench, chart as bench_chart, file as bench_file, recorded as bench_recorded,
                     sizes)
from ..commandline import parse, run_options
from ..common import EXIT_FAIL, EXIT_PASS, build_dir, make_dirs, usage
from ..dom0 import beside_linux
from ..programs import command as programs_command
from ..run import platforms, runs


def run(args, caller):
    asked = parse("bench", args,
                  ("--json", "--sizes", "--linux", "--linux-domu", "--counted", "--once",
                   "--against", "--limit", "--svg", "--recorded"))
    if asked.linux:
        return programs_command.beside_linux()
    if asked.linux_domu:
        return beside_linux.command(asked.on)
    if asked.sizes:
        make_dirs(build_dir())
        return EXIT_PASS if sizes.run() else EXIT_FAIL
    if asked.once and not (asked.counted or asked.recorded):
        raise usage("--once is for --counted: what is noisy is measured several times")
    if asked.limit and not asked.against:
        raise usage("--limit is the ratio that --against allows")
    for path in filter(None, (asked.json, asked.svg)):
        if not os.access((caller / path).parent, os.W_OK):
            raise usage(f"cannot write {path}")  # reported now, not after minutes
    chosen = platforms.parse(asked.on)
    if asked.recorded:
        return _recorded(asked, caller, chosen)
    old = bench.earlier(caller / asked.against) if asked.against else None
    options = run_options(asked, caller, chosen)
    document = bench.run(runs.RunDirectory(options.image), chosen, options, asked.counted,
                         named=asked.on is not None, times=1 if asked.once else 2)
    if asked.json:
        bench_file.write(caller / asked.json, document)
    if asked.svg:
        report.write_text(caller / asked.svg, bench_chart.render(document))
    fine = bench.compare(old, document, asked.limit) if old else True
    return EXIT_PASS if fine and not document.problems else EXIT_FAIL


def _recorded(asked, caller, chosen):
    names = [platform.name for platform in chosen if platform.name in bench.COUNTED]
    if asked.on and len(names) < len(chosen):
        raise usage(f"--recorded counts on {', '.join(bench.COUNTED)} only")
    if asked.json or asked.svg or asked.against:
        raise usage("--recorded prints a table: no --json, --svg or --against")
    options = run_options(asked, caller, chosen)
    problems = bench_recorded.run(runs.RunDirectory(options.image), names, options,
                                  times=1 if asked.once else 2)
    return EXIT_FAIL if problems else EXIT_PASS
