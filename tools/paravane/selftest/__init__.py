# SPDX-License-Identifier: MIT
"""`./run.sh test`: all that CI runs, one line a step, and a closing line with the counts."""

import fnmatch
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..common import EXIT_FAIL, EXIT_PASS, EXIT_SKIP, build_dir, make_dirs, usage
from ..report import write_steps_junit
from . import (
    backends, bench, builds, cpus, devices, domu, entry, hostile, hyperv, kvm, labs, lifecycle,
    machines, proofs, programs, repros, rom, site, soak, sockets, stop
)
from . import shell, suites, tour, trace
from . import input as bad_input
from .lines import Report
from .scheduler import Scheduler
from .step import GCC, as_step, check

# Where steps come from, those that take long first. Each has steps(scratch).
SUBJECTS = (suites, site, proofs, cpus, hostile, bench, programs, repros, machines, devices, domu,
            sockets, kvm, hyperv, lifecycle, entry, backends, rom, shell, labs, trace, tour,
            bad_input, stop)


@dataclass
class Asked:
    """The options of ./run.sh test. only: patterns of names; soak: None, or names of soaks ([]: all
    of them); junit: a path, or None."""

    cpus: int
    quick: bool = False
    only: tuple = ()
    soak: Optional[list] = None
    hours: float = 1
    junit: Optional[Path] = None


def run(asked):
    """Run the steps that are asked for; return the exit code."""
    make_dirs(build_dir())
    started, report = time.monotonic(), Report()
    soaks = None if asked.soak is None else soak.steps(asked.soak, asked.hours, asked.cpus)
    with tempfile.TemporaryDirectory(dir=build_dir()) as scratch:
        first, *builds_ = builds.steps(Path(scratch), asked.cpus)
        beside = [] if soaks else [step for step in builds_ if _is_beside(step, asked)]
        # The others look into what the first step builds, so they are listed once it is there.
        Scheduler([first, *beside], asked.cpus, report).run()
        built = [outcome.step.name for outcome in report.of("passed")]
        steps, broken = (
            listed(Path(scratch), asked.quick) if GCC in built and soaks is None else ([], [])
        )
        todo = [*builds_, *steps] if soaks is None else soaks
        wanted = {step for step in [first, *todo] if _is_wanted(step, asked)}
        todo = [step for step in todo if step in wanted or _is_needed(step, wanted)] + broken
        todo = [step for step in todo if step not in beside]
        if asked.only and not wanted:
            raise usage(f"test: no step matches {', '.join(asked.only)}")
        report.total = len(report.outcomes) + len(todo)
        Scheduler(todo, asked.cpus, report, built).run()
    report.close(time.monotonic() - started, asked.cpus, "test" if soaks is None else "soak")
    if asked.junit:
        write_steps_junit(asked.junit, report.outcomes)
    if report.of("failed"):
        return EXIT_FAIL
    return (
        EXIT_PASS if any(outcome.step in wanted for outcome in report.of("passed")) else EXIT_SKIP
    )


def _is_wanted(step, asked):
    named = not asked.only or any(fnmatch.fnmatchcase(step.name, pattern) for pattern in asked.only)
    return named and (step.quick or not asked.quick)


def _is_beside(step, asked):
    """Return whether a step runs beside the first one."""
    return step.quick and not step.needs and _is_wanted(step, asked)


def _is_needed(step, wanted):
    return any(step.name in other.needs for other in wanted)


def listed(scratch, quick):
    """Return the steps of all subjects, and for each list that cannot be made a step that fails."""
    found, broken = [], []
    lists = [subject.steps for subject in SUBJECTS] + ([suites.in_short] if quick else [])
    for subject in lists:
        try:
            for item in subject(scratch):
                found.append(as_step(item))
        except Exception as error:
            name = f"the steps of {subject.__module__.rpartition('.')[2]}"
            problem = f"they cannot be listed: {type(error).__name__}: {error}"
            broken.append(check(name, lambda problem=problem: (problem, "")))
    return found, broken
