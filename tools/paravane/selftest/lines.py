# SPDX-License-Identifier: MIT
"""Print the progress of `./run.sh test`: a line for each step, the output of those that failed, and
the times at the end."""

import re
import resource
from dataclasses import dataclass, field

from ..common import build_dir, short

_NAMES_MAX = 3  # of skipped steps that are named for each reason


@dataclass
class Report:
    """Print the outcome of each step, and keep it for the end. total: the number of steps."""

    total: int = 0  # not known yet
    outcomes: list = field(default_factory=list)

    def __call__(self, outcome):
        self.outcomes.append(outcome)
        count = f"{len(self.outcomes)}/{self.total or '?'}"
        spent = f"{outcome.seconds:.1f} s, {outcome.cpu:.1f} s CPU"
        line = f"{outcome.status:7} {count:>7}  {outcome.step.name}  ({spent})"
        print(line + (f": {outcome.problem}" if outcome.problem else ""), flush=True)
        if outcome.status == "failed":
            for text in telling(outcome.output.splitlines()):
                print(f"    | {text}", flush=True)

    def of(self, status):
        """Return the outcomes with this status."""
        return [outcome for outcome in self.outcomes if outcome.status == status]

    def close(self, seconds, cpus, name):
        """Print the failed steps once more, why steps were skipped, where the time went, and the
        counts; keep each step's time in a file."""
        for outcome in self.of("failed"):
            print(f"failed: {outcome.step.name}: {outcome.problem}")
        self._print_skipped()
        times = build_dir() / f"{name}-times.txt"
        by_time = sorted(self.outcomes, key=lambda outcome: (-outcome.cpu, -outcome.seconds))
        table = [f"{o.seconds:9.1f} s {o.cpu:8.1f} s CPU  {o.status:7}  {o.step.name}"
                 for o in by_time]
        times.write_text("".join(f"{line}\n" for line in table))
        if name == "soak":
            print("\n".join(table))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        total = sum(outcome.seconds for outcome in self.outcomes)
        print(
            f"{seconds:.0f} s, {cpus} steps side by side: {total:.0f} s of steps, "
            f"{used.ru_utime + used.ru_stime:.0f} s of CPU time; "
            f"each step's time is in {short(times)}"
        )
        counts = {status: len(self.of(status)) for status in ("passed", "failed", "skipped")}
        closing = f"{counts['passed']} passed, {counts['failed']} failed"
        print(closing + (f", {counts['skipped']} skipped" if counts["skipped"] else ""))

    def _print_skipped(self):
        """Print each reason for which steps were skipped, with the number of steps and with their
        names, if they are few."""
        by_reason = {}
        for outcome in self.of("skipped"):
            by_reason.setdefault(outcome.problem, []).append(outcome.step.name)
        for reason, names in by_reason.items():
            more = ", …" if len(names) > _NAMES_MAX else ""
            steps = f"{len(names)} step{'s' if len(names) > 1 else ''}"
            print(f"skipped: {steps}, because {reason}: {', '.join(names[:_NAMES_MAX])}{more}")


def telling(lines, tail=60, context=12):
    """Return the part of a failed step's output to show: each failed test with the diagnostics
    before it, and the end."""
    shown = set(range(max(0, len(lines) - tail), len(lines)))
    for at in (i for i, line in enumerate(lines) if re.match(r"\s*not ok\b", line)):
        shown.update(range(max(0, at - context), at + 1))
    last = -1
    for at in sorted(shown):
        if at != last + 1:
            yield "..."
        yield lines[at]
        last = at
