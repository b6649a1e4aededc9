# SPDX-License-Identifier: MIT
"""`./run.sh hostile`: random user code (test/hostile/hostile.h) on several platforms, whose
outcomes must be the same.

With several CPUs each runs a share of the cases. Of cases in one space (shared), and of frames of
the kernel's own (frames, test/hostile/frames.c), only the kernel's state is checked. Of all others
each platform prints a digest of every group of cases. If two digests differ, the group runs once
more on both with each case's own digest, and the first case that differs there is run alone and
printed, decoded."""

import re
from dataclasses import dataclass
from pathlib import Path

from .common import EXIT_FAIL, EXIT_PASS, build_dir, short
from .suite.suite import one_line, run_all

GROUP = 1024  # test/hostile/hostile.c
_DIGEST = re.compile(r"# hostile digest (\d+) ([0-9a-f]{16})")
_CASE = re.compile(r"# hostile case (\d+) ([0-9a-f]{16}) (v .*)")
_END = re.compile(r"# hostile cases (\d+) seed \d+ ns (\d+) failures (\d+)")
_DECODED = re.compile(r"# (code |entered|left|stack |  r)")
_CASES_A_SECOND = 1000  # of the slowest platform on a busy computer: for the time limit


@dataclass(frozen=True)
class Wanted:
    """The cases to run: `cases` of a seed, from `first` on; kind: "", "shared" or "frames"."""

    seed: int
    first: int
    cases: int
    kind: str = ""


class _Log:
    """The console's output of one run."""

    def __init__(self, result):
        self.result = result
        path = Path(build_dir().parent, result.directory) / "console.log"
        self.lines = path.read_text(errors="replace").splitlines() if result.ran else []

    def found(self, pattern):
        return [match for match in map(pattern.search, self.lines) if match]

    def table(self, pattern):
        return {int(match[1]): match[2] for match in self.found(pattern)}


def _run(directory, options, chosen, label, words, jobs):
    """Return {platform: the _Log of its run}."""
    options = options.with_words("")
    options.run = "hostile:" + words

    def task(platform):
        return platform.name, lambda stop: directory.run(platform, options, stop=stop, label=label)

    results = run_all([task(platform) for platform in chosen], jobs)
    return {result.platform: _Log(result) for result in results}


def run(directory, chosen, options, wanted, jobs):
    """Run the cases and compare the platforms; return the exit code."""
    seed, first, cases = wanted.seed, wanted.first, wanted.cases
    if options.timeout:
        options.timeout += cases / _CASES_A_SECOND
    first -= first % GROUP if cases > 1 else 0
    words = f"seed={seed},first={first},cases={cases}" + (",show" if cases == 1 else "")
    words += f",{wanted.kind}" if wanted.kind else ""
    logs = _run(directory, options, chosen, "", words, jobs)
    for name, log in logs.items():
        _print_summary(name, log, decoded=cases == 1)
    status = EXIT_PASS if all(log.result.status == "PASS" for log in logs.values()) else EXIT_FAIL
    reference = chosen[0]
    for other in chosen[1:] if not wanted.kind else ():
        group = _first_difference(logs[reference.name], logs[other.name], _DIGEST)
        if group is None:
            continue
        status = EXIT_FAIL
        print(f"\n{reference.name} and {other.name} differ in the cases from {group} on")
        last = min(first + cases, group + GROUP)
        _explain(directory, options, (reference, other), seed, max(group, first), last, jobs)
    print(f"logs and command lines in {short(directory.path)}/")
    return status


def _first_difference(one, other, pattern):
    mine, theirs = one.table(pattern), other.table(pattern)
    return next((n for n in sorted(mine) if n in theirs and mine[n] != theirs[n]), None)


def _explain(directory, options, pair, seed, first, end, jobs):
    words = f"seed={seed},first={first},cases={end - first},show"
    logs = _run(directory, options, pair, f"-from-{first}", words, jobs)
    case = _first_difference(*logs.values(), _CASE)
    if case is None:
        print("not so when they ran again: the difference does not follow from the cases")
        return
    logs = _run(
        directory, options, pair, f"-case-{case}", f"seed={seed},first={case},cases=1,show", jobs
    )
    for name, log in logs.items():
        _print_summary(name, log, decoded=True)
    print(f"again: ./run.sh hostile --on {','.join(logs)} --seed {seed} --case {case}")


def _print_summary(name, log, decoded):
    end = log.found(_END)
    rate = (
        f"{int(end[0][1]) * 10**9 // max(1, int(end[0][2]))} cases/s, {end[0][3]} failures"
        if end
        else ""
    )
    print(f"  {name}: {one_line(log.result) if not end else log.result.status}  {rate}")
    wanted = [line for line in log.lines if "# hostile: seed=" in line]
    if decoded:
        wanted += [match[0] for match in log.found(_CASE)]
        wanted += [line for line in log.lines if _DECODED.match(line)]
    for line in wanted[:40]:
        print(f"    {line}")
