# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: recordings."""

from pathlib import Path

from ..common import EXIT_FAIL, EXIT_PASS, EXIT_USAGE
from ..run import platforms
from ..trace import events, text
from .step import RUN, RUN_LIMIT, Skipped, Step, check, output_of

_TESTS = "test=boot.c*,mmu.ranges*,setup.exceptions_are*,smp.every_l*,irq.raw*"


def steps(scratch):
    for name in ("qemu", "xen-pv", "xen-pvh"):
        yield check(f"trace: a recording of {name} has every call", _every_call, Path(scratch),
                    name)
    yield check("trace: records are lost where that is asked for", _lost, Path(scratch))
    yield check("trace: a panic leaves its last calls", _panic, Path(scratch))
    yield check("trace: XSA-454's call is in its recording", _code, Path(scratch))
    yield Step("trace: a file that is not a recording", RUN + ["trace", "run.sh"],
               status=EXIT_USAGE, words="run.sh: it is not a recording: its first line")
    yield Step("trace: a platform whose memory is elsewhere",
               RUN + ["boot", "--on", "bochs", "--record", "never"], status=EXIT_USAGE,
               words="--record: the memory of bochs cannot be shared")


def _code(scratch):
    """Record the repro on the default Xen, which is good or bad: the call is there either way."""
    problem, recording = _record(scratch, "xen-pvh", "--run", "repro:xsa-454", status=None)
    if problem:
        return problem, ""
    calls = [line.fields for line in recording.lines if line.name == "code32"
             and line.kind == "code"]
    right = (len(calls) == 2 and calls[1]["rbx"] == "0xdead000000000006"
             and calls[1]["rax"] == "0xc" and calls[0]["rcx"] == hex(int(calls[1]["rcx"], 16)
                                                                     & 0xFFFFFFFF)
             and calls[1]["memory"].startswith("hex:" + 32 * "0" + "f07f")
             and len(calls[1]["code"]) == len("hex:") + 6)
    return ("" if right else f"the calls are {calls}"), ""


def _record(scratch, name, *more, status=EXIT_PASS):
    """Boot with --record; return (what is wrong or "", the Recording)."""
    if platforms.lacking(platforms.PLATFORMS[name]):
        raise Skipped(platforms.lacking(platforms.PLATFORMS[name]))
    path = scratch / f"{name}-{abs(hash(more))}.trace"
    ended, said = output_of(RUN + ["boot", "--on", name, *RUN_LIMIT, "--record", path, *more])
    if status is not None and ended != status:
        return f"status {ended} instead of {status}\n{said}", None
    with open(path, "rb") as stream:
        recording = text.read(stream)
    return recording.problem, recording


def _every_call(scratch, name):
    problem, recording = _record(scratch, name, "--smp", "2", "--append", _TESTS)
    if problem:
        return problem, ""
    lines = recording.lines
    found = events.join(lines)
    open_ = [event for event in found if not event.end and event.line.kind in events.OPENS]
    last = [event for event in open_ if not event.ends]
    names = {event.line.name for event in found}
    for wrong, what in (
        (recording.lost, f"{recording.lost} records are lost"),
        ([line.sequence for line in lines] != list(range(1, len(lines) + 1)),
         "the records are not numbered without a gap"),
        ({line.cpu for line in lines} != {0, 1}, "not both CPUs are there"),
        (len(last) > 1, f"more than one call has no return: {[e.line for e in last[:3]]}"),
        (not {"console_write", "set_ptes", "send_ipi", "exception"} <= names,
         f"ops or callbacks are missing: {sorted(names)}"),
        (name != "qemu" and not _has_the_calls(found, name), "hypercalls are missing"),
        (name == "qemu" and any(event.is_call for event in found), "hypercalls without Xen"),
    ):
        if wrong:
            return what, ""
    return "", ""


def _has_the_calls(found, name):
    """Return whether hypercalls are there with the memory of their arguments and their results."""
    shown = [f"{events.describe(event)} = {event.result}" for event in found if event.is_call]
    wanted = ['console_io(write, "ok 1 boot.command_line_is_delivered\\n") = 0',
              "vcpu_op(is_up, vcpu=1) = 1"]
    if name == "xen-pv":
        ops = [event for event in found if event.line.name == "mmu_update"]
        pairs = [event for event in ops if "req[1].val" in event.line.fields]
        if not pairs or any(event.end.fields.get("done[0]") is None for event in ops):
            return False
    ports = [event for event in found if event.line.fields.get("cmd") == "EVTCHNOP_bind_ipi"]
    return (all(one in shown for one in wanted) and ports
            and all(int(event.end.fields["arg.port"]) > 0 for event in ports))


def _lost(scratch):
    problem, recording = _record(scratch, "qemu", "--record-policy", "lose", "--record-ops", "all",
                                 "--append", "test=time.*,mm.*")
    if problem:
        return problem, ""
    last = recording.lines[-1].sequence
    if last != len(recording.lines):
        return f"the last of {len(recording.lines)} records has number {last}", ""
    return ("", "") if recording.lost else ("no record was lost: the step shows nothing", "")


def _panic(scratch):
    problem, recording = _record(scratch, "xen-pv", "--append", "inject=panic test=boot.*",
                                 status=EXIT_FAIL)
    if problem:
        return problem, ""
    last = events.join(recording.lines)[-12:]
    said = " ".join(event.line.fields.get("buffer.text", "") for event in last)
    if "verdict FAIL: panic" not in said or last[-1].line.name != "sched_op":
        return f"the recording ends otherwise: {[str(event.line) for event in last]}", ""
    return "", ""
