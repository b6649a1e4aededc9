# SPDX-License-Identifier: MIT
"""`./run.sh replay FILE`: make the hypercalls of a recording, and compare the results."""

import dataclasses
import tempfile
from pathlib import Path

from .. import wanted
from ..commandline import COMMON, CPUS_MAX, Parser, add, joined, run_options
from ..common import EXIT_FAIL, EXIT_PASS, EXIT_SKIP, EXIT_USAGE, Trouble, usage
from ..repro import repro
from ..run import platforms, runs
from ..suite import suite
from . import events, layouts, program, save, text

_SHOWN_MAX = 40
# Fields with numbers of a run's own, and lists of them.
_VARYING = {"port", "local_port", "remote_port", "handle", "extent_start", "gpfn", "mfn"}
_VARYING_LISTS = ("extent_start[", "frame_list[")


@dataclasses.dataclass
class Outcome:
    """One replay: its events in the order of the program's steps, and the run's Result."""

    label: str
    result: runs.Result
    steps: list

    @property
    def verdict(self):
        """Return "bad" if the hypervisor died, else "good" or "cannot-tell"."""
        if self.result.culprit == "hypervisor":
            return "bad"
        return "good" if self.result.status == "PASS" else "cannot-tell"


@dataclasses.dataclass(frozen=True)
class Difference:
    """A record whose result differs: what was expected, and what is."""

    event: events.Event
    field: str
    before: str
    after: str

    def __str__(self):
        return (f"record {self.event.line.sequence}, {events.describe(self.event)[:100]}: "
                f"{self.field} {self.before} -> {self.after}")


def run(args, caller):
    """Run the command; return 0 if the results are the same, 1 if any differs."""
    parser = Parser("replay")
    parser.add_argument("file")
    add(parser, {**COMMON, "--xen": {"action": "append"}, "--first": {"action": "store_true"},
                 "--all": {"action": "store_true"}})
    parser.set_defaults(smp=0, mem=0)
    wanted.add_options(parser)
    asked = parser.parse_args(joined(parser, args))
    recording = load(caller / asked.file, asked.file)
    fitted = fit(asked, recording)
    platform = platform_of(recording, asked)
    xens = asked.xen or [None]
    outcomes, made = [], None
    for which in xens:
        asked.xen = which
        options = run_options(asked, caller, [platform])
        options = wanted.one(asked, caller, [platform], options)
        if made is None:
            made = compile_for(recording, options.image, asked.file)
            _print_left(made)
        options = fitted(options, made)
        outcomes.append(replay(made, platform, options, which or "installed Xen"))
        if not outcomes[-1].result.ran:
            print(f"run.sh: replay: {platform.name}: {outcomes[-1].result.reason}")
            return EXIT_SKIP
    status = EXIT_PASS
    most = 1 if asked.first else len(made.calls) if asked.all else _SHOWN_MAX
    for outcome in outcomes:
        status = max(status, _report(made, outcome, most))
    if len(outcomes) > 1:
        _print_between(made, outcomes)
    return status


def load(path, name):
    """Return the Recording of a file that is whole, or raise Trouble."""
    try:
        with open(path, "rb") as stream:
            recording = text.read(stream)
    except text.Bad as bad:
        raise Trouble(f"{name}: {bad}", EXIT_USAGE) from bad
    except OSError as error:
        raise Trouble(f"cannot read {name}: {error.strerror}", EXIT_USAGE) from error
    if recording.problem:
        raise Trouble(f"{name}: {recording.problem}; ./run.sh trace shows the records before that, "
                      f"and a last line 'end records={len(recording.lines)} lost=0' after them "
                      "makes a file that can be replayed", EXIT_USAGE)
    return recording


def fit(asked, recording):
    """Give the replay the CPUs and the memory of the recording, where no option does. Return a
    function of Options and a Program that returns the Options with memory for its frames: that of
    the recording if it may suffice, because firmware's tables, which the recorded kernel maps, are
    at the end of the machine's RAM."""
    asked.smp = asked.smp or _header_number(recording, "cpus", 1, CPUS_MAX)
    more = not asked.mem
    asked.mem = asked.mem or _header_number(recording, "memory", platforms.DEFAULT_MEM, 1 << 20)

    def fitted(options, made):
        needed = (made.nr_frames >> 8) + 2 * (len(made.code()) >> 20) + 8
        more_needed = more and needed > options.mem // 2
        return options.with_memory(options.mem + needed) if more_needed else options

    return fitted


def _header_number(recording, key, default, most):
    value = recording.header.get(key, "").partition(" ")[0]
    return min(int(value), most) if value.isdecimal() and int(value) else default


def platform_of(recording, asked):
    """Return the platform of --on, or the recording's."""
    name = asked.on or recording.header.get("platform", "")
    if name not in platforms.PLATFORMS:
        raise usage(f"the recording is of platform {name!r}, which this runner does not have; "
                    "choose one with --on")
    platform = platforms.PLATFORMS[name]
    if not platform.on_xen:
        raise usage(f"replay: {name} makes no hypercalls; use --on xen-pv or xen-pvh")
    return platform


def compile_for(recording, image, name):
    """Return the Program of a recording for an image, or raise Trouble."""
    try:
        made = program.compile_(events.join(recording.lines), layouts.read(image))
    except text.Bad as bad:
        raise Trouble(f"{name}: {bad}; {bad.rest}", EXIT_USAGE) from bad
    if not made.calls:
        why = "".join(f"; {count} left out: {reason}" for reason, count in made.left.items())
        raise Trouble(f"{name}: no hypercall of it can be replayed{why}", EXIT_USAGE)
    return made


def replay(made, platform, options, label, stop=None, saved=None):
    """Run a program; return the Outcome. saved: the Snapshot of which a copy runs it, if not a
    machine that boots."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "replay.trace")
        if saved:
            result = saved.run(made, path, stop)
        else:
            options = dataclasses.replace(
                options, run="replay", record=save.Wanted(path, what="calls"))
            directory = runs.RunDirectory(options.image, made.code())
            result = directory.run(platform, options, stop=stop)
        lines = []
        if path.exists():
            with open(path, "rb") as stream:
                lines = text.read(stream).lines
    if result.status == "INTERRUPTED":
        raise suite.Interrupted
    steps = [event for event in events.join(lines)
             if event.line.kind == "code" or event.line.fields.get("by") == "code"]
    return Outcome(label, result, steps)


def differences(made, outcome):
    """Yield each Difference between the recording and a replay."""
    for step, event in zip(made.calls, outcome.steps):
        yield from compare(step.event, event)


def compare(old, new):
    """Yield the Differences between two events of the same step."""
    before, after = _facts(old), _facts(new)
    for name in {**before, **after}:
        values = before.get(name, "-"), after.get(name, "-")
        if values[0] != values[1] and not _varies(name, values):
            yield Difference(old, name, *values)


def _facts(event):
    if not event.end:
        return {"result": "no return"}
    if event.line.kind == "code":
        return {"result": event.end.fields.get("rax", "")}
    return {name: value for name, value in event.end.fields.items() if name != "of"}


def _varies(name, values):
    """Return whether a field holds a number of a run's own: one that a symbol or an address of
    another run stands for."""
    if name == "result":
        return False
    last = name.rpartition(".")[2].partition("[")[0]
    return last in _VARYING or last.endswith("addr") or any(
        of in name for of in _VARYING_LISTS) or all(map(_is_address, values))


def _is_address(value):
    """Return whether a value is an address in the kernel's half."""
    return len(value) == len("0xffff800000000000") and value.startswith("0xffff")


def _print_left(made):
    print(f"replay: {len(made.calls)} hypercalls are made")
    cpus = len({step.event.line.cpu for step in made.calls})
    if cpus > 1:
        print(f"replay: one CPU makes the calls of {cpus}, in the order in which they began: what "
              "depends on the CPU, or on calls at the same time, may differ")
    for why, count in sorted(made.left.items(), key=lambda item: -item[1]):
        print(f"replay: {count} are left out: {why}")


def _report(made, outcome, most):
    """Print so many of the results that differ; return the status."""
    label, done = outcome.label, len(outcome.steps)
    found = list(differences(made, outcome))
    # A step that did not return is reported by the run's end
    shown = [one for one in found if one.after != "no return"]
    for one in shown[:most]:
        print(f"{label}: {one}")
    if len(shown) > most > 1:
        print(f"{label}: and {len(shown) - most} more; --all prints them")
    if outcome.verdict == "good":
        print(f"{label}: {done} of {len(made.calls)} steps, {len(shown)} results differ")
        return EXIT_FAIL if shown or done != len(made.calls) else EXIT_PASS
    where, same = "", False
    if outcome.steps and outcome.steps[-1].result == "?":
        old = made.calls[done - 1].event
        where = f" in record {old.line.sequence}, {events.describe(old)[:100]}"
        same = old.result == "?" and not shown and done == len(made.calls)
        where += ", which did not return in the recording either" if same else ""
    print(f"{label}: {outcome.verdict}{where}: {repro.judge(outcome.result)[1]}")
    return EXIT_PASS if same else EXIT_FAIL


def _print_between(made, outcomes):
    """Print the records whose results differ between the hypervisors, side by side."""
    base, *others = outcomes
    for other in others:
        print(f"{base.label} against {other.label}:")
        count = 0
        for step, old, new in zip(made.calls, base.steps, other.steps):
            for one in compare(old, new):
                count += 1
                what = events.describe(step.event)[:60]
                print(f"  record {step.event.line.sequence:6} {what:60} "
                      f"{one.field}: {one.before} | {one.after}")
        print(f"  {count} results differ")
