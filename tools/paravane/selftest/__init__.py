"""`./run.sh test`: all that CI runs, one line a step, and a closing line with the counts."""

import fnmatch
import resource
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..common import EXIT_FAIL, EXIT_PASS, EXIT_SKIP, build_dir, make_dirs, short, usage
from . import bench, builds, cpus, devices, entry, hostile, machines, proofs, programs, repros, stop, suites
from . import input as bad_input
from .scheduler import Outcome, Scheduler
from .step import GCC, Step, as_step, telling

# Where steps come from, those that take long first. Each has steps(scratch).
SUBJECTS = (suites, proofs, cpus, hostile, bench, programs, repros, machines, devices, entry, bad_input, stop)


@dataclass
class _Report:
    """Prints what came of each step, and keeps it for the end."""

    total: int = 1
    outcomes: list = field(default_factory=list)

    def __call__(self, outcome):
        self.outcomes.append(outcome)
        count = f"{len(self.outcomes)}/{self.total}"
        line = f"{outcome.status:7} {count:>7}  {outcome.step.name}  ({outcome.seconds:.1f} s)"
        print(line + (f": {outcome.problem}" if outcome.problem else ""), flush=True)
        if outcome.status == "failed":
            for text in telling(outcome.output.splitlines()):
                print(f"    | {text}")

    def of(self, status):
        return [outcome for outcome in self.outcomes if outcome.status == status]


def run(cpus, quick=False, only=None):
    """Run the steps whose names match only, or all, or those of the short list; return the exit code."""
    make_dirs(build_dir())
    begun, report = time.monotonic(), _Report()
    with tempfile.TemporaryDirectory(dir=build_dir()) as scratch:
        first = list(builds.steps(Path(scratch), cpus))
        # The others look into what the first step builds, so they are listed once it is there.
        gcc = first.pop(0)
        Scheduler([gcc], cpus, report).run()
        built = [GCC] if report.of("passed") else []
        todo = first + (listed(Path(scratch), report, quick) if built else [])
        wanted = {step for step in [gcc, *todo] if _is_wanted(step, quick, only)}
        todo = [step for step in todo if step in wanted or _is_needed(step, wanted)]
        report.total = len(report.outcomes) + len(todo)
        Scheduler(todo, cpus, report, built).run()
    if only and not wanted:
        raise usage(f"test: no step matches {only!r}")
    _close(report, time.monotonic() - begun, cpus)
    if report.of("failed"):
        return EXIT_FAIL
    return EXIT_PASS if any(outcome.step in wanted for outcome in report.of("passed")) else EXIT_SKIP


def _is_wanted(step, quick, only):
    return (step.quick or not quick) and (not only or fnmatch.fnmatchcase(step.name, only))


def _is_needed(step, wanted):
    return any(step.name in other.needs for other in wanted)


def listed(scratch, report, quick):
    """Return the steps of all subjects. A list that cannot be made is a failed step."""
    found = []
    lists = [subject.steps for subject in SUBJECTS] + ([suites.in_short] if quick else [])
    for steps in lists:
        try:
            for item in steps(scratch):
                found.append(as_step(item))
        except Exception as error:  # pylint: disable=broad-except
            name = f"the steps of {steps.__module__.rpartition('.')[2]}"
            report(Outcome(Step(name), "failed", f"they cannot be listed: {type(error).__name__}: {error}"))
    return found


def _close(report, seconds, width):
    """Print the counts and where the time went."""
    counts = {status: len(report.of(status)) for status in ("passed", "failed", "skipped")}
    for outcome in report.of("failed"):
        print(f"failed: {outcome.step.name}: {outcome.problem}")
    times = build_dir() / "test-times.txt"
    by_time = sorted(report.outcomes, key=lambda outcome: -outcome.seconds)
    times.write_text("".join(f"{o.seconds:8.1f}  {o.status:7}  {o.step.name}\n" for o in by_time))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = sum(outcome.seconds for outcome in report.outcomes)
    print(f"{seconds:.0f} s on {width} CPUs: {total:.0f} s of steps, {used.ru_utime + used.ru_stime:.0f} s of CPU time; "
          f"each step's time is in {short(times)}")  # fmt: skip
    closing = f"{counts['passed']} passed, {counts['failed']} failed"
    print(closing + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))
