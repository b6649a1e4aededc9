# SPDX-License-Identifier: MIT
"""One step of `./run.sh test`: a command, the status that it must end with, and the text that it
must print.

Only these two are checked.
"""

import os
import re
import select
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Callable, Optional, Sequence

from ..common import BUILT, EXIT_SKIP, ROOT, build_dir
from ..run import platforms
from ..run.owntime import OwnTime

RUN = ["./run.sh"]
RUN_LIMIT = ["--timeout", "300"]  # of a machine that ends by itself
# Seconds of a step's own time (owntime.py), so it does not depend on what runs beside it
STEP_LIMIT = 1800
ALL = 1 << 16  # of Step.cpus: as many as there are

# Names of the steps that build what others boot.
GCC = "build with gcc"
CLANG = "build with clang and lld"
BARE = "make bare"
BARE_CLANG = "make bare, by clang"
# Names of the steps that assemble what others restore.
DOM0 = "domu: a dom0 for domU guests"
KVM = "kvm: a Linux with KVM"

_LOOK = 1.0  # seconds between two looks at a running command
_ENDING = 0.02  # seconds between two looks at a command that has closed its output
_GRACE = 30  # seconds in which an interrupted command ends its machines


@dataclass(eq=False)
class Step:
    """A command or a function, the status it must end with, and what its output must match.

    A function returns (what is wrong or "", its output), and may raise Skipped.
    """

    name: str
    argv: Sequence = ()
    status: int = 0
    words: str = ""
    env: tuple = ()
    platform: str = ""  # skipped where this computer lacks the platform
    may_skip: bool = False  # status 125 means that it was skipped, with the reason last
    needs: tuple = (GCC,)  # names of steps that have to pass first
    cpus: int = 1  # of this computer, that it keeps busy
    quick: bool = False  # also a step of ./run.sh test --quick
    limit: float = STEP_LIMIT
    function: Optional[Callable] = None


class Skipped(Exception):
    """A step that cannot be run here, with the reason."""


class Interrupted(Exception):
    """The run ends before this step's command has ended."""


def boot(name, platform, *more, **expected):
    """Return a step that boots the image that the first step built."""
    argv = RUN + ["boot", "--on", platform, *RUN_LIMIT, *more]
    return Step(f"{platform}: {name}", argv, platform=platform, **expected)


def physical(platform):
    """Return the option for the number of Xen's physical CPUs where a guest has several. PVH: one,
    because QEMU 7.2 is at fault now and then with more (docs/facts.md). PV: as many as virtual
    ones."""
    return ["--pcpus", "1"] if platform in ("xen-pvh", "domu-pvh") else []


def check(name, function, *args, **more):
    """Return a step that calls function(*args)."""
    return Step(name, function=lambda: function(*args), **more)


def as_step(item):
    """Return a step for a bare function, whose docstring is the step's name."""
    return item if isinstance(item, Step) else check(item.__doc__.strip(), item)


# --- Processes: none outlives the run, however it ends ---


class _Running:
    """The processes of all running steps."""

    def __init__(self):
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._processes = set()

    def add(self, process):
        with self._lock:
            self._processes.add(process)
        if self.stop.is_set():
            _signal_group(process, signal.SIGTERM)

    def remove(self, process):
        with self._lock:
            self._processes.discard(process)

    def end(self):
        """Ask every process to end. Its step kills it later if it does not."""
        self.stop.set()
        with self._lock:
            for process in self._processes:
                _signal_group(process, signal.SIGTERM)


RUNNING = _Running()
_USED = threading.local()  # .seconds: CPU time of the processes that this thread's step has ended


def start(argv, **how):
    """Start a step's process in a process group of its own, which ends with this process."""
    guard = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT,
           **how}
    process = subprocess.Popen([*guard, *map(str, argv)], cwd=ROOT, start_new_session=True, **how)
    RUNNING.add(process)
    return process


def end(process):
    """End what is left of a step's process and of its group."""
    if not _has_ended(process):
        _signal_group(process, signal.SIGKILL)
        _has_ended(process, wait=True)
    RUNNING.remove(process)
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


def _signal_group(process, number):
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _has_ended(process, wait=False):
    """Return whether a process has ended; then its CPU time, with that of its descendants, counts
    as its step's. wait: until it has."""
    if process.returncode is None:
        pid, status, used = os.wait4(process.pid, 0 if wait else os.WNOHANG)
        if pid == 0:
            return False
        process.returncode = os.waitstatus_to_exitcode(status)
        _USED.seconds = getattr(_USED, "seconds", 0.0) + used.ru_utime + used.ru_stime
    return True


def communicate(process, limit):
    """Return the output of a process, or None if it is still running after limit seconds of its own
    time."""
    clock, grace, output = OwnTime(process.pid, tree=True), None, b""
    looked = time.monotonic()
    stream = process.stdout  # None if its output goes elsewhere
    while stream or not _has_ended(process):
        if not stream:
            time.sleep(_ENDING)
        elif select.select([stream], [], [], _LOOK)[0]:
            some = os.read(stream.fileno(), 1 << 16)
            output += some
            stream = stream if some else None
        if time.monotonic() - looked < _LOOK:
            continue
        looked = time.monotonic()
        if RUNNING.stop.is_set():
            grace = _GRACE if grace is None else grace - _LOOK
            if grace < 0:
                raise Interrupted
        elif clock.seconds() > limit:
            return None
    return output


def used():
    """Return the CPU seconds of the processes that this thread's step has ended, and start from 0
    again."""
    seconds = getattr(_USED, "seconds", 0.0)
    _USED.seconds = 0.0
    return seconds


# --- Running one ---


def run(step):
    """Run a step; return (passed, failed or skipped, what is wrong or the reason, its output)."""
    try:
        problem, output = step.function() if step.function else _run_command(step)
    except Skipped as reason:
        return "skipped", str(reason), ""
    except Interrupted:
        return "failed", "interrupted", ""
    except Exception as error:
        shown = getattr(error, "output", "")  # of a program that has failed
        return "failed", f"{type(error).__name__}: {error}", shown if isinstance(shown, str) else ""
    return "failed" if problem else "passed", problem, output


def output_of(argv, limit=STEP_LIMIT, **how):
    """Run a command; return (its status, its output), or (None, "") if it was still running after
    limit seconds."""
    process = start(argv, **how)
    try:
        output = communicate(process, limit)
    finally:
        end(process)
    return (None, "") if output is None else (process.returncode, output.decode("utf-8", "replace"))


def _run_command(step):
    """Run a step's command; return (what is wrong or "", its output)."""
    if step.platform:
        reason = platforms.lacking(platforms.PLATFORMS[step.platform])
        if reason:
            raise Skipped(reason)
    # The first step has built the image: make need not look at all the sources once more.
    built = {BUILT: str(build_dir())} if GCC in step.needs else {}
    status, output = output_of(step.argv, step.limit, env={**os.environ, **built, **dict(step.env)})
    if status is None:
        return f"still running after {step.limit:g} s of its own time", ""
    return _judge(step, status, output)


def _judge(step, status, output):
    if step.may_skip and status == EXIT_SKIP:
        raise Skipped((output.strip() or "no reason given").splitlines()[-1])
    if status != step.status:
        return f"status {status} instead of {step.status}", output
    if step.words and not re.search(step.words, output):
        return f"nothing in the output matches {step.words!r}", output
    if "Traceback (most recent call last)" in output:
        return "a Python traceback in the output", output
    return "", output
