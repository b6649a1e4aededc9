# SPDX-License-Identifier: MIT
"""Labs of the kind "cut it down": a recording of a run in which a hypervisor died (docs/trace.md),
in which few of many calls matter.

What is kept of a recording, for the proof of a lab: "all"; "first N" or "last N" of the calls that
a replay makes; or "torn": all of it without its last line.
"""

import io

from ..commandline import build
from ..common import Trouble, short
from ..repro import repro
from ..run import platforms, runs
from ..trace import minimise, replay, save, text

GIVEN, WANTED = "crash.trace", "cut.trace"
_HARMLESS = 40  # calls that are put between those of the repro
_LIMIT = 60  # seconds of the machine's own time


def _options(lab, **more):
    return runs.Options(
        build(), xen=runs.find_xen(lab.xen), xen_asked=True, timeout=_LIMIT, **more
    )


def record(lab, path):
    """Write the recording of the lab's repro, with harmless calls around its own. Return how many
    calls a replay of it makes."""
    raw = path.with_name("whole.trace")
    options = _options(
        lab, run=f"repro:{lab.crash}", record=save.Wanted(raw, what="hypercalls")
    )
    result = runs.RunDirectory(options.image).run(platforms.PLATFORMS[lab.on], options)
    verdict, reason = repro.judge(result)
    if verdict != "bad":
        raise Trouble(f"lab {lab.name}: {lab.crash} on Xen {lab.xen} is {verdict}: {reason}")
    recording = minimise.padded(replay.load(raw, raw.name), _HARMLESS, 1)
    raw.unlink()
    path.write_text(_written(recording, recording.lines))
    return len(_program(recording, path).steps)


def _written(recording, lines):
    file = io.StringIO()
    header = {key: value for key, value in recording.header.items() if key != "format"}
    text.write(file, header, lines, recording.lost)
    return file.getvalue()


def _program(recording, path):
    return replay.compile_for(recording, build(), short(path))


def kept(path, keep):
    """Return the text of a recording of which this is kept."""
    if keep == "all":
        return path.read_text()
    if keep == "torn":
        return "".join(path.read_text().splitlines(True)[:-1])
    recording = replay.load(path, path.name)
    steps = [step.event for step in _program(recording, path).steps]
    which, count = keep.split()
    steps = steps[: int(count)] if which == "first" else steps[-int(count) :]
    lines = [line for event in steps for line in (event.line, event.end) if line]
    return _written(recording, sorted(lines, key=lambda line: line.sequence))


def judge(lab, path):
    """Return (whether a recording is cut down as the lab wants it, lines that say why)."""
    if not path.exists():
        return False, [f"{short(path)} is missing: write there what is left of {GIVEN}."]
    try:
        recording = replay.load(path, short(path))
        program = _program(recording, path)
    except Trouble as trouble:
        return False, [f"The file cannot be replayed: {trouble}"]
    left = len(program.steps)
    if left > lab.calls:
        return False, [f"{left} calls are left, and {lab.calls} are enough. Leave out half of "
                       "them: if the hypervisor still dies, that half was not needed."]
    if not left:
        return False, ["No call is left that a replay would make: the one in which the hypervisor "
                       "dies has to stay. It is the last one of the recording."]
    outcome = replay.replay(program, platforms.PLATFORMS[lab.on], _options(lab), "")
    reason = repro.judge(outcome.result)[1] or "the replay ends as usual"
    if outcome.verdict != "bad":
        return False, [f"Xen {lab.xen} survives what is left: a call that you have removed is "
                       "needed. Put back the half that you removed last, and remove the other "
                       "half.", "", f"What was seen: {reason}"]
    return True, [f"{left} calls are left, and Xen {lab.xen} dies in the last: {reason}"]


def describe(lab):
    """Return how the lab is solved by the tool."""
    return (f"./run.sh minimise FOLDER/{GIVEN} --xen {lab.xen} --out FOLDER/cut does it, and "
            "writes a repro besides.")
