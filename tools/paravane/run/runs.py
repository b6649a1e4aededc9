# SPDX-License-Identifier: MIT
"""Run the image once on one platform, and keep the run's directory under build/runs/.

The directory has what a reader of the log needs later, and what it takes to repeat the run by hand.
"""

import copy
import dataclasses
import itertools
import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import Optional

from ..common import EXIT_SKIP, Trouble, build_dir, make_dirs, shell_line, short
from ..outer.running import QEMU_CRASHED
from ..trace import save
from . import bochs, emulators, image, module, names, platforms, qemu, xen
from .clock_edge import ClockEdge
from .machine import LOG_MAX, Machine
from .verdict import judge

RUNS_MAX = 50
# What a Boot takes from the Options, under the same name.
_OF_BOOT = (
    "mem smp xen gdb icount cpu xen_append pcpus emulator machine feed xen_asked maxmem xl "
    "disk net vmm".split()
)
_TAIL_BYTES = 16000
# In a dump by Xen: lines of stack words, which would hide the line with the reason.
_STACK_WORDS = re.compile(
    r"^\(XEN\) (\[[ \d.]+\])?(\s+[0-9a-f]{16})*\s*$|\(XEN\).*(Guest|Xen) stack trace"
)
_CALLER = re.compile(r"^\(XEN\).*<[0-9a-f]{16}>\] [RSF] ")
_CALLERS_MAX = 6


@dataclasses.dataclass
class Options:
    """The options of a run, the same for every platform. xen: a prepared file, or None; timeout:
    seconds, 0 for no limit."""

    image: Path
    run: str = "suite"
    pattern: str = ""
    append: tuple = ()
    mem: int = platforms.DEFAULT_MEM
    smp: int = 1
    xen: Optional[Path] = None
    timeout: float = 60
    gdb: bool = False
    icount: bool = False
    cpu: str = ""
    xen_append: tuple = ()
    pcpus: int = 0  # as Boot's, like the next ones
    emulator: str = ""
    machine: str = ""
    feed: platforms.Feed = platforms.Feed()
    xen_asked: bool = False
    maxmem: int = 0
    xl: tuple = ()
    disk: tuple = ()
    net: int = 0
    rom: Optional[Path] = None  # the op ROM, if not the one beside the image
    vmm: tuple = ()
    record: Optional[save.Wanted] = None  # where the run's recording is to be written
    log_max: int = LOG_MAX  # bytes of the console, after which the run ends

    def with_words(self, pattern, *words):
        """Return the same Options for these tests, with more words on the command line."""
        return dataclasses.replace(self, pattern=pattern, append=tuple(self.append) + words)

    def boot(self, image_path, module_path, directory, words):
        """Return the Boot of these files, with these words."""
        same = {name: getattr(self, name) for name in _OF_BOOT}
        return platforms.Boot(image_path, module_path, directory, words, **same)

    def on_cpus(self, count):
        """Return the same Options with so many CPUs."""
        return dataclasses.replace(self, smp=count)

    def with_memory(self, mib):
        """Return the same Options with so much memory, in MiB."""
        return dataclasses.replace(self, mem=mib)


@dataclasses.dataclass
class Result:
    """The result of one platform. status: PASS, FAIL, SKIP, ERROR or INTERRUPTED."""

    platform: str
    status: str
    reason: str = ""
    ran: bool = False
    banner: str = ""
    hypervisor: str = ""
    tests: list = dataclasses.field(default_factory=list)
    panic: list = dataclasses.field(default_factory=list)
    names: Optional[str] = None  # whose function names panic has, if not the image's own
    seconds: float = 0.0
    first_seconds: float = 0.0  # start to first line
    guest_seconds: float = 0.0  # first line to verdict
    output: list = dataclasses.field(default_factory=list)  # a program's own lines
    ticks: Optional[int] = None
    bench: dict = dataclasses.field(default_factory=dict)
    sites: dict = dataclasses.field(default_factory=dict)
    directory: str = ""
    code: Optional[int] = None  # QEMU's exit status
    culprit: str = ""  # who crashed or hangs: hypervisor or guest
    repro: Optional[dict] = None  # ktap.Transcript.repro
    exercised: bool = False  # the path in question was reached, whatever came of it
    step_left_out: bool = False  # by inject=skip_step, and the repro came by its step
    dying_is_bad: str = ""  # ktap.Transcript's, if the guest died then
    recording: str = ""  # what --record has written, in words

    def plain(self):
        """Return the result in a form that JSON can hold."""
        return dataclasses.asdict(self)

    def tail(self, count=24):
        """Return the last lines of the console, without the words of stacks and with few callers of
        a backtrace."""
        kept, callers = [], 0
        for line in self._end_of_log():
            callers = callers + 1 if _CALLER.match(line) else 0
            if not _STACK_WORDS.match(line) and callers <= _CALLERS_MAX:
                kept.append(line)
        return kept[-count:]

    def _end_of_log(self):
        try:
            with open(Path(build_dir().parent, self.directory) / "console.log", "rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL_BYTES))
                return log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return []


class RunDirectory:
    """One directory build/runs/STAMP: a copy of the image, and a folder for each platform."""

    def __init__(self, image_path, module_bytes=None):
        image.check(image_path)
        runs = make_dirs(build_dir() / "runs")
        self.path = _new_directory(runs)
        self.rom = Path(image_path).parent / "op.rom"
        self.image = self.path / "paravane.elf"
        self.module = self.path / "testmodule"
        shutil.copyfile(image_path, self.image)
        self.module.write_bytes(module_bytes or module.test_module())
        _prune(runs)

    def with_image(self, image_path, name):
        """Return the same directory for runs of another image, which it keeps as
        paravane-NAME.elf."""
        image.check(image_path)
        other = copy.copy(self)
        other.rom = Path(image_path).parent / "op.rom"
        other.image = self.path / f"paravane-{name}.elf"
        shutil.copyfile(image_path, other.image)
        return other

    def run(self, platform, options, terminal=None, stop=None, label="", watch=None):
        """Run one platform; return the Result. label distinguishes several runs of one platform;
        watch: as for Machine."""
        reason = platforms.lacking(
            platform, options.mem, options.xen is not None, bool(options.emulator)
        )
        if reason:
            return Result(platform.name, "SKIP", reason)
        directory = make_dirs(self.path / (platform.name + label))
        # What is counted of a program or a suite must not depend on what is typed, and when. The
        # monitor counts calls one by one, and no input arrives during one.
        hears = not (options.icount and options.run != "shell" or options.feed.deaf)
        reads = options.run.startswith("app:") or options.run == "shell"
        kind = input_kind(terminal) if hears and reads else ""
        recorder = None
        if options.record:
            recorder = options.record.recorder(
                platform.emulator.memory(platform, options), options.smp)
        append = (recorder.word(), *options.append) if recorder else options.append
        words = platforms.command_words(
            platform, options.run, options.pattern, append, hears, kind
        )
        framed = f"input={kind}" in words
        if options.feed.by_hand:
            words = [word for word in words if not word.startswith("platform=")]
        boot = options.boot(self.image, self.module, directory, words)
        boot.recorder, boot.hears = recorder, hears
        boot.rom = options.rom or self.rom
        try:
            argv = platform.command(boot)
        except Trouble as lacking:
            if lacking.status != EXIT_SKIP:
                raise
            return Result(platform.name, "SKIP", str(lacking))
        promise = _promise(words)
        hint = f"# By hand: type {promise} and Enter when the guest asks.\n" if promise else ""
        if recorder:
            hint += "# Not by hand: the runner that records has the machine's memory open.\n"
        (directory / "command").write_text(hint + shell_line(argv) + "\n")
        probe = options.run.startswith("repro:") and options.xen is not None
        below = platform.emulator.RUNS_BELOW

        def make():
            machine = Machine(
                argv, directory, options.timeout, promise, terminal, stop, probe, watch, below,
                framed, recorder, _clock_edge(platform, options)
            )
            machine.log_max = options.log_max
            return machine

        typed = terminal is not None and terminal.is_tty
        machine, ending = _run(platform, make, may_repeat=not recorder and not typed)
        result = _result(platform, directory, machine.said, ending, options)
        if recorder:
            about = _about(platform, options, machine.said, result, words)
            target = options.record.path_for(platform.name + label)
            result.recording = save.save(target, recorder, about, self.image)
        (directory / "result.json").write_text(json.dumps(result.plain(), indent=1) + "\n")
        return result


def _clock_edge(platform, options):
    """Return a ClockEdge where QEMU boots a Xen, and does not restore it. A ClockEdge that counts
    would start a machine that gdb has to start."""
    boots_xen = platform.on_xen and platform.emulator is qemu
    restores = options.record and options.record.restores
    gdb_starts = options.icount and options.gdb
    return ClockEdge(options.icount) if boots_xen and not restores and not gdb_starts else None


def _run(platform, make, may_repeat):
    """Run a machine, and once more if the emulator below its hypervisor crashed, which is neither
    the guest's nor the hypervisor's fault; return (the Machine, its Ending)."""
    machine = make()
    ending = machine.run()
    if may_repeat and machine.said.failed.startswith(QEMU_CRASHED):
        print(f"run.sh: {platform.name}: {machine.said.failed}; it runs once more", flush=True)
        machine = make()
        ending = machine.run()
    return machine, ending


def _about(platform, options, said, result, words):
    """Return the head of a run's recording."""
    version = emulators.version_of(options.emulator or emulators.default())
    on_bochs = platform.emulator is bochs
    return {
        "image": (said.image or "unknown"),
        "platform": platform.name,
        "hypervisor": f"Xen {said.hypervisor}" if said.hypervisor else "none",
        "emulator": bochs.NAME if on_bochs else f"QEMU {version}",
        "cpus": options.smp,
        "memory": f"{options.mem} MiB",
        "command-line": " ".join(word for word in words if not word.startswith("record=")),
        "result": f"{result.status} {result.reason}",
    }


def find_xen(wanted, base=Path(".")):
    """Return the prepared Xen of --xen, or the installed one, or None."""
    path = xen.find(wanted, base)
    return xen.prepare(path) if path else None


def input_kind(terminal):
    """Return the value of input= for a program with this Terminal; None: it gets no input."""
    return "terminal" if terminal is not None and terminal.is_tty else "pipe"


def _promise(words):
    """Return the token of the command line that the runner will type at the console."""
    return next((word[len("echo=") :] for word in words if word.startswith("echo=")), "")


def _result(platform, directory, said, ending, options):
    result = Result(platform.name, "INTERRUPTED", "stopped by the user", True)
    if ending.how != "interrupted":
        verdict = judge(said, ending, options.run == "suite")
        result.status, result.reason = verdict.status, verdict.reason
    result.culprit, result.repro = _culprit(platform, said, ending), said.repro
    result.exercised = said.exercised or bool(said.repro and said.repro["exercised"])
    result.step_left_out = said.step_left_out
    result.dying_is_bad = (
        said.dying_is_bad if result.culprit == "guest" and ending.how != "timeout" else ""
    )
    result.banner, result.hypervisor = said.banner, said.hypervisor
    result.tests, result.ticks = said.tests, said.ticks
    result.panic, result.names = names.named(said.panic_lines, options.image)
    result.bench, result.sites = said.bench, said.sites
    result.output = said.output
    result.seconds = round(ending.seconds, 3)
    result.first_seconds = round(ending.first_seconds, 4)
    result.guest_seconds = round(ending.guest_seconds, 4)
    result.directory, result.code = short(directory), ending.code
    return result


def _culprit(platform, said, ending):
    """Return "hypervisor", "guest" or "": the part that is at fault if a run did not end by itself.
    A hypervisor that does not answer its own console hangs; otherwise the guest is what never
    ends."""
    if said.failed:
        return ""
    if said.crash:
        return said.crash
    if said.panic is not None:
        return "guest"
    if ending.how == "timeout" and not said.verdict:
        on_xen = platform.on_xen
        return "hypervisor" if on_xen and not said.hypervisor_answers else "guest"
    return "guest" if said.verdict is None else ""


def _new_directory(runs):
    """Create runs/STAMP-PID, or STAMP-PID-N if this process has it already."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    for more in itertools.chain([""], (f"-{number}" for number in itertools.count(2))):
        try:
            (runs / (name + more)).mkdir()
            return runs / (name + more)
        except FileExistsError:
            continue


def _prune(runs):
    """Keep the newest runs, and those of processes that still run."""
    found = sorted(
        (path for path in runs.iterdir() if path.is_dir() and not _is_used(path)), key=_age
    )
    old = found[:-RUNS_MAX]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    if old:
        print(
            f"removed the logs of {len(old)} runs before the last {RUNS_MAX}: {old[0].name} to "
            f"{old[-1].name}"
        )


def _is_used(path):
    """Return whether the process that made runs/STAMP-PID still runs."""
    pid = (path.name.split("-") + ["", "", ""])[2]
    return pid.isdecimal() and Path(f"/proc/{pid}").exists()


def _age(path):
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
