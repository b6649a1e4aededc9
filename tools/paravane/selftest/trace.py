# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: recordings."""

import os
import re
import tempfile
from pathlib import Path

from ..common import EXIT_FAIL, EXIT_PASS, EXIT_USAGE, Trouble
from ..run import platforms, xen
from ..site import browser
from ..trace import events, html, text
from ..trace.recorder import LATE
from .step import GCC, RUN, RUN_LIMIT, Skipped, Step, check, output_of, physical

_BAD, _GOOD = "4.14", "4.20"  # Xens with and without XSA-454
_PAGE = """\
1 0 0 op pin_root root=0x12
2 10 0 call mmuext_op ops=0x1000 count=1 done=0 domid=SELF ops[0].cmd=MMUEXT_PIN_L4_TABLE \
ops[0].arg1.mfn=0x1a3f ops[0].arg2.src_mfn=0
3 20 0 return mmuext_op of=2 result=-22
4 25 1 callback exception vector=14 error=0x2 rip=0x100 address=0x10
5 30 0 opreturn pin_root of=1 result=0
6 40 0 call console_io cmd=CONSOLEIO_write count=9 buffer=0x1000 buffer.text="</script><b>"
7 41 0 return console_io of=6 result=0
"""
_SEARCH = """(() => {
  const box = document.getElementById("find");
  box.value = %r; box.dispatchEvent(new Event("input"));
  return document.getElementById("count").textContent + "|" +
    [...document.querySelectorAll(".row")].map(row => row.textContent.trim()).join("|");
})()"""
_FOUND = r"1 of 4 events\|10 +0 +mmuext_op\(PIN_L4_TABLE, mfn=0x1a3f\) = -22 EINVAL"
_OPENED = """(() => {
  document.querySelector(".row").click();
  return document.querySelector(".fields").textContent;
})()"""
_TRACKS = """(() => {
  const line = document.getElementById("line"), pen = line.getContext("2d");
  const drawn = (top, size) => pen.getImageData(0, top, line.width, size).data.some(byte => byte);
  return [line.height, drawn(12, 20), drawn(46, 20)].join();
})()"""
_COPIES = "candidates are copies of a machine that was saved"
_UPDATES = ("mmu_update", "mmuext_op", "update_va_mapping")
# These change page tables; the last one steps through code that is recorded.
_MAPPING = "test=mmu.ranges_of_e*,mmu.roots*,mmu.tree*,mmu.fix*,events.r*_unm*"
# This op unpins frame 0 in place of the root, which Xen refuses, and the kernel panics. Which frame
# it is must not depend on the memory's layout.
_REFUSED = "mutate=unpin_root:zero1 test=mmu.roots*"
_TESTS = "test=boot.c*,mmu.ranges*,setup.exceptions_are*,smp.every_l*,irq.raw*"


def steps(scratch):
    for name in ("qemu", "xen-pv", "xen-pvh"):
        yield check(f"trace: a recording of {name} has every call", _every_call, Path(scratch),
                    name)
    yield check("trace: records are lost where that is asked for", _lost, Path(scratch))
    yield check("trace: a panic leaves its last calls", _panic, Path(scratch))
    yield check("trace: a run that exceeds its time limit leaves its last ops", _time_out,
                Path(scratch))
    yield check("trace: XSA-454's call is in its recording", _code, Path(scratch))
    yield check("trace: changes of page tables are replayed", _tables, Path(scratch))
    yield check("trace: a wrong op's refused call is replayed, minimised and written as a repro",
                _refused, Path(scratch), cpus=2)
    yield check("trace: XSA-454 is replayed, minimised and written as a repro", _replayed,
                Path(scratch), cpus=2)
    yield check("trace: the page of a recording in Chromium", _in_chromium, Path(scratch))
    yield Step("trace: a file that is not a recording", RUN + ["trace", "run.sh"],
               status=EXIT_USAGE, words="run.sh: it is not a recording: its first line")


def recorded(title, name, *more, words, needs=(GCC,)):
    """Return a step that boots with --record, and looks at the output and at the recording."""
    return check(f"{name}: {title}, recorded", _recorded, name, more, words, needs=needs)


def _recorded(name, more, words):
    reason = platforms.lacking(platforms.PLATFORMS[name])
    if reason:
        raise Skipped(reason)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "boot.trace")
        ended, said = output_of([*RUN, "boot", "--on", name, *RUN_LIMIT, "--record", path, *more])
        if ended != EXIT_PASS or not re.search(words, said):
            return f"status {ended}; nothing in the output matches {words!r}", said
        with open(path, "rb") as stream:
            recording = text.read(stream)
    found = events.join(recording.lines)
    calls = [event for event in found if event.is_call and event.end]
    is_xen = platforms.PLATFORMS[name].on_xen
    wrong = (recording.problem or _gaps(recording)
             or ("" if any(event.line.name == "set_ptes" for event in found) else "no set_ptes")
             or ("" if bool(calls) == is_xen else f"{len(calls)} hypercalls"))
    return wrong, said


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


def _replayed(scratch):
    """Record XSA-454 on a Xen that has it, replay it there and on one that has not, minimise it
    among 300 harmless calls, and run the repro that is left on both."""
    for version in (_BAD, _GOOD):
        try:
            xen.find(version)
        except Trouble as trouble:
            raise Skipped(str(trouble)) from trouble
    trace, small = scratch / "454.trace", scratch / "small"
    limit = RUN_LIMIT
    for argv, status, words in (
        (["repro", "xsa-454", "--xen", _BAD, "--record", trace, *limit], EXIT_FAIL, "0 lost"),
        (["replay", trace, "--xen", _BAD, *limit], EXIT_PASS,
         r"which did not return in the recording either: CRASH \(hypervisor\): Xen BUG at"),
        (["replay", trace, "--xen", _GOOD, *limit], EXIT_FAIL, "result no return -> 0"),
        (["minimise", trace, "--xen", _BAD, "--pad", "300", "--out", small, *limit], EXIT_PASS,
         _COPIES + r"(.|\n)*calls that are left: 1,"),
        (["repro", f"{small}.c", "--xen", _BAD, *limit], EXIT_FAIL, "1 bad"),
        (["repro", f"{small}.c", "--xen", _GOOD, *limit], EXIT_PASS, "1 good"),
    ):
        wrong = _ends(argv, status, words)
        if wrong:
            return wrong, ""
    return "", ""


def _ends(argv, status, words):
    """Run a command; return "", or what is wrong if it does not end with the status, and output
    that matches words."""
    ended, said = output_of(RUN + argv)
    if ended != status or not re.search(words, said):
        return f"{argv[0]}: status {ended}, and not {status} with {words!r}\n{said}"
    return ""


def _refused(scratch):
    """Record a mutant of unpin_root until Xen refuses its call, replay and minimise that, and run
    the repro that is left."""
    trace, small = scratch / "refused.trace", scratch / "refused-small"
    on, limit = ["--on", "xen-pv"], RUN_LIMIT
    for argv, status, words in (
        (["boot", *on, "--record", trace, "--record-ops", "calls", "--append", _REFUSED, *limit],
         EXIT_FAIL, "op unpin_root of backend xen-pv: Xen refuses frame"),
        (["replay", trace, *limit], EXIT_PASS, "steps, 0 results differ"),
        (["minimise", trace, "--until", "mmuext_op.result==-22", "--out", small, *limit],
         EXIT_PASS, _COPIES + r"(.|\n)*calls that are left: 1,"),
        (["repro", f"{small}.c", *on, *limit], EXIT_FAIL, "1 bad"),
    ):
        wrong = _ends(argv, status, words)
        if wrong:
            return wrong, ""
    return "", ""


def _tables(scratch):
    """Record tests that map, pin and unpin, and replay their calls: each has the same result."""
    more = ("--record-ops", "calls", "--append", _MAPPING)
    problem, recording = _record(scratch, "xen-pv", *more)
    if problem:
        return problem, ""
    made = [event for event in events.join(recording.lines) if event.line.name in _UPDATES]
    ended, said = output_of(RUN + ["replay", _path(scratch, "xen-pv", more), *RUN_LIMIT])
    if ended != EXIT_PASS or "steps, 0 results differ" not in said or "page tables, which" in said:
        return f"replay: status {ended}\n{said}", ""
    pins = sum("MMUEXT_PIN_L4_TABLE" in event.line.fields.values() for event in made)
    return ("" if len(made) > 50 and pins else f"{len(made)} calls, {pins} pins"), ""


def _time_out(scratch):
    """Record a test that never ends: every record is there, up to those of the test's start."""
    problem, recording = _record(scratch, "qemu", "--append", "inject=loop test=boot.*",
                                 "--timeout", "3", status=EXIT_FAIL)
    if problem:
        return problem, ""
    found = events.join(recording.lines)
    ops = [event for event in found if event.line.kind == "op"]
    numbers = [line.sequence for line in recording.lines]
    result = recording.header["result"]
    right = (result.startswith("FAIL TIMEOUT after 3 s in boot.") and not recording.lost
             and numbers == list(range(1, len(numbers) + 1)) and len(ops) > 50
             and all(event.end for event in ops))
    return ("" if right else f"{len(ops)} ops, {len(numbers)} records up to number {numbers[-1:]}, "
            f"the result {result!r}"), ""


def _in_chromium(scratch):
    """Search the page, filter it, open a row, and look at the timeline of both CPUs."""
    binary, page = browser.find(), scratch / "recording.html"
    if not binary:
        raise Skipped(browser.REMEDY)
    lines = [text.parse_line(line) for line in _PAGE.splitlines()]
    html.write(page, text.Recording({"platform": "xen-pv"}, lines), events.join(lines))
    with browser.Browser(binary) as chromium:
        said = [event for event in chromium.open(page.resolve().as_uri())
                if event["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]
        whole, found, none = (chromium.script(_SEARCH % word) for word in ("", "Pin mfn", "zebra"))
        chromium.script(_SEARCH % "mmuext")
        opened, tracks = chromium.script(_OPENED), chromium.script(_TRACKS)
    for wrong, what in (
        (said, f"the page reports {said}"),
        (not whole.startswith("4 of 4 events|") or "</script><b>" not in whole, whole),
        (not re.fullmatch(_FOUND, found), f"a search finds {found!r}"),
        (none != "0 of 4 events|", f"a search for nothing finds {none!r}"),
        ("ops[0].arg1.mfn = 0x1a3f" not in opened or "result = -22" not in opened,
         f"a row opens to {opened!r}"),
        (tracks != "68,true,false", f"the timeline of a search on CPU 0 is {tracks}"),
    ):
        if wrong:
            return what, ""
    return "", ""


def _path(scratch, name, more):
    return scratch / f"{name}-{abs(hash(more))}.trace"


def _record(scratch, name, *more, status=EXIT_PASS, late=False):
    """Boot with --record; return (what is wrong or "", the Recording)."""
    if platforms.lacking(platforms.PLATFORMS[name]):
        raise Skipped(platforms.lacking(platforms.PLATFORMS[name]))
    path = _path(scratch, name, more)
    env = {**os.environ, LATE: "1"} if late else None
    argv = RUN + ["boot", "--on", name, *RUN_LIMIT, "--record", path, *more]
    ended, said = output_of(argv, env=env)
    if status is not None and ended != status:
        return f"status {ended} instead of {status}\n{said}", None
    with open(path, "rb") as stream:
        recording = text.read(stream)
    return recording.problem, recording


def _every_call(scratch, name):
    problem, recording = _record(scratch, name, "--smp", "2", *physical(name), "--append", _TESTS)
    if problem:
        return problem, ""
    lines = recording.lines
    found = events.join(lines)
    gaps, last = _gaps(recording), _without_return(found)
    names = {event.line.name for event in found}
    for wrong, what in (
        (gaps, gaps),
        (last, f"calls have no return: {[str(event.line)[:200] for event in last[:3]]}"),
        ({line.cpu for line in lines} != {0, 1}, "not both CPUs are there"),
        (not {"console_write", "set_ptes", "exception"} <= names,
         f"ops or callbacks are missing: {sorted(names)}"),
        (name != "qemu" and not _has_the_calls(found, name), "hypercalls are missing"),
        (name == "xen-pv" and not _has_the_tables(lines), "page tables or frames are missing"),
        (name == "qemu" and any(event.is_call for event in found), "hypercalls without Xen"),
    ):
        if wrong:
            return what, ""
    return "", ""


def _gaps(recording):
    """Return what is missing in a recording, in words, or ""."""
    numbers = [line.sequence for line in recording.lines]
    missing = set(range(1, max(numbers, default=0) + 1)) - set(numbers)
    if recording.lost:
        return f"{recording.lost} records are lost"
    if numbers != sorted(set(numbers)) or len(missing) > 1:
        return "the records are not numbered without a gap"
    return ""


def _without_return(found):
    """Return the calls that should have returned. CPU 1 is stopped wherever it is, also in a
    record, and the idle thread may not run again."""
    open_ = [event for event in found if not event.end and event.line.kind in events.OPENS]
    return [event for event in open_ if not event.ends and event.line.cpu == 0
            and event.line.name != "safe_halt"
            and event.line.fields.get("cmd") != "SCHEDOP_block"]


def _has_the_calls(found, name):
    """Return whether hypercalls are there with the memory of their arguments and their results."""
    shown = [f"{events.describe(event)} = {event.result}" for event in found if event.is_call]
    wanted = (r'console_io\(write, "ok \d+ boot\.command_line_is_delivered\\n"\) = 0',
              r"vcpu_op\(is_up, vcpu=1\) = [01]")
    if name == "xen-pv":
        ops = [event for event in found if event.line.name == "mmu_update"]
        pairs = [event for event in ops if "req[1].val" in event.line.fields]
        if not pairs or any(event.end.fields.get("done[0]") is None for event in ops):
            return False
    ports = [event for event in found if event.line.fields.get("cmd") == "EVTCHNOP_bind_ipi"]
    return (all(any(re.fullmatch(one, line) for line in shown) for one in wanted) and ports
            and all(int(event.end.fields["arg.port"]) > 0 for event in ports))


def _has_the_tables(lines):
    """Return whether the kernel's page tables of all levels are there, and the guest's frames."""
    tables = {line.fields["mfn"]: line for line in lines if line.kind == "table"}
    roots = [line for line in tables.values() if line.fields["pinned"] == "1"]
    levels = {line.name for line in tables.values()}
    frames = sum(int(line.fields["count"]) for line in lines if line.kind == "frames")
    return (len(roots) == 1 and levels == {f"level{number}" for number in range(1, 5)}
            and all(len(line.fields) > 3 for line in roots) and frames > 1000)


def _lost(scratch):
    """Record with a recorder that takes nothing before the machine has ended."""
    problem, recording = _record(scratch, "qemu", "--record-policy", "lose", "--record-ops", "all",
                                 "--append", "test=mm.user_map*", late=True)
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
