# SPDX-License-Identifier: MIT
"""Run one QEMU from start to end: read its console, type for the guest, and end it at its time
limit.

Invariants: QEMU has ended when run() returns, and ends with this process (by its parent-death
signal); a log never grows beyond its limit; only the process started here is signalled, by its pid.
"""

import os
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

from ..common import ROOT, Trouble
from . import emulators
from .console import Cleaner, Lines
from .feeder import Feeder
from .ktap import Transcript
from .owntime import OwnTime

LOG_MAX = 8 << 20
SHUTDOWN_GRACE = 20.0  # seconds between the verdict and the machine's end
CRASH_GRACE = 0.5  # seconds for the rest of a dying hypervisor's words
_TYPED_MAX = 1024  # bytes read at a time from the user
# Bytes that may wait for QEMU to take them; the guest asks again for a frame that does not fit.
_QUEUE_MAX = 1 << 16
_END_OF_INPUT = b"\x04"  # Ctrl-D
_END_OF_RUN = b"\x1d"  # Ctrl-], at a raw terminal
PROBE_GRACE = 10.0  # seconds in which a living hypervisor answers a debug key
DUMP_GRACE = 1.5  # seconds from its answer, for what it prints then
# Three Ctrl-A turn Xen's console input to Xen itself, where 0 prints the registers of dom0's vCPUs.
_PROBE = b"\x01\x01\x010"
# Parts of a command line whose exit status is the verdict's.
_REPORT_VERDICT = ("isa-debug-exit", "kvm_machine.py")
_TICK = 0.2  # how often a wish to stop is looked for


@dataclass
class Ending:
    """How a run ended.

    how: "exit" (QEMU ended by itself), "over" (the machine had halted, and QEMU was ended),
    "enough" (`watch` ended the run), "timeout", "flood" or "interrupted". limit: the bound that was
    exceeded, in words.
    """

    how: str
    code: int = 0
    limit: str = ""
    message: str = ""  # the last of QEMU's own errors
    seconds: float = 0.0  # of the whole process
    first_seconds: float = 0.0  # from the start to the guest's first line
    guest_seconds: float = 0.0  # from there to its verdict
    # QEMU ends with the verdict as its status, if the guest's end is that of a verdict
    reports_verdict: bool = False


class Machine:
    """A QEMU command line to run, once.

    timeout: seconds of the process's own time (owntime.py), or 0. promise: the one token that
    may be typed when the guest asks (see echo= of the command line). terminal: where to show
    the console live, and what to read the user's lines from (or None). stop: a threading.Event
    that ends the run early. probe: at a time-out, ask the hypervisor whether it still lives
    (said.hypervisor_answers). tree: the command line starts the emulator in a process below it,
    whose time counts too. framed: the program's input goes through a Feeder, because the guest
    was started with input=. recorder: takes the machine's records (trace/recorder.py).
    clock_edge: a ClockEdge, where Xen would wait for the clock. watch: called again and again
    with the transcript and QEMU's pid; an Ending that it returns ends the run.
    """

    def __init__(self, argv, directory, timeout, promise="", terminal=None, stop=None,
                 probe=False, watch=None, tree=False, framed=False,
                 recorder=None, clock_edge=None):  # fmt: skip
        self.argv = argv
        self.directory = directory
        self.timeout = timeout
        self.promise = promise
        self.terminal = terminal
        self.stop = stop
        self.probe = probe
        self.watch = watch
        self.tree = tree
        self.recorder = recorder
        self.clock_edge = clock_edge
        self.log_max = LOG_MAX  # bytes of the console, after which the run ends
        self.said = Transcript()
        self.feeder = Feeder(self._type) if framed else None
        if framed and (terminal is None or terminal.keyboard is None):
            self.feeder.add(b"")
        self._queue = b""
        self._ending = None
        self._answered = False
        self._first_line = self._verdict_at = 0.0

    def run(self):
        """Return the Ending; the console's text is in self.said."""
        self._start = time.monotonic()
        self._deadline = self.timeout or None
        errors = self.directory / "qemu.err"
        with open(self.directory / "console.log", "wb", 0) as log, open(errors, "wb") as err:
            qemu = self._spawn(err)
            self._clock = OwnTime(qemu.pid, self.tree)
            try:
                if self.recorder:
                    self.recorder.start(qemu.pid)
                self._pump(qemu, log)
            finally:
                _end(qemu)
                if self.recorder:
                    self.recorder.stop()
                if self.clock_edge:
                    self.clock_edge.close()
        ending = self._ending or Ending("exit")
        ending.code = qemu.returncode
        ending.message = _last_error(errors)
        ending.reports_verdict = any(
            part in str(word) for word in self.argv for part in _REPORT_VERDICT
        )
        ending.seconds = time.monotonic() - self._start
        if self._first_line:
            ending.first_seconds = self._first_line - self._start
        if self._verdict_at and self._first_line:
            ending.guest_seconds = self._verdict_at - self._first_line
        return ending

    def _spawn(self, err):
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        own = self.clock_edge.options if self.clock_edge else []
        try:
            qemu = subprocess.Popen(
                [*guard, *map(str, self.argv), *own],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=err,
                cwd=ROOT,
                bufsize=0,
                start_new_session=True,
                pass_fds=self._inherited(),
            )
        except OSError as error:
            raise Trouble(f"cannot run {self.argv[0]}: {error.strerror}") from error
        if self.clock_edge:
            self.clock_edge.started()
        os.set_blocking(qemu.stdin.fileno(), False)
        return qemu

    def _inherited(self):
        """Return the descriptors that QEMU inherits."""
        fds = list(self.recorder.fds) if self.recorder else []
        return fds + ([self.clock_edge.fd] if self.clock_edge else [])

    def _pump(self, qemu, log):
        """Copy bytes until the console closes or there is a reason to end (self._ending)."""
        cleaner, lines = Cleaner(), Lines()
        console = qemu.stdout.fileno()
        room = self.log_max
        if self.recorder and self.recorder.prologue:
            # Printed before the machine was saved, of which this is a copy: its questions have
            # been answered.
            log.write(cleaner.feed(self.recorder.prologue))
            self._take(qemu, lines.feed(self.recorder.prologue), answers=False)
        while self._ending is None:
            queued = [qemu.stdin] if self._queue else []
            readable, writable, _ = select.select(self._sources(console), queued, [], _TICK)
            if writable:
                self._write_queue(qemu)
            for fd in readable:
                data = os.read(fd, 65536 if fd == console or self.feeder else _TYPED_MAX)
                if fd != console:
                    self._type_for_user(data)
                    continue
                if not data:
                    self._take(qemu, lines.flush())
                    _wait(qemu, SHUTDOWN_GRACE)
                    return
                data = self.feeder.strip(data) if self.feeder else data
                text = cleaner.feed(data)
                self._write_queue(qemu)
                log.write(text[:room])
                room -= len(text)
                self._show(data if self.terminal is not None and self.terminal.is_raw else text)
                self._take(qemu, lines.feed(text))
            self._check_limits(room, qemu)
        self._take(qemu, lines.flush())

    def _sources(self, console):
        """Return the file descriptors to read: the console, and the keyboard while the guest takes
        input.

        Input that is redirected to us is kept until the program runs, because GRUB or the boot
        would discard it.
        """
        if self.terminal is None or self.terminal.keyboard is None or self._queue:
            return [console]
        if not self.terminal.is_tty and not self.said.in_program:
            return [console]
        if self.feeder and not self.feeder.wants_more():
            return [console]
        return [console, self.terminal.keyboard]

    def _take(self, qemu, lines, answers=True):
        """Feed lines to the transcript, and do what they call for; answers: also type at the
        console."""
        for line in lines:
            now = time.monotonic()
            self.said.feed(line)
            if self.clock_edge:
                self.clock_edge.feed(line, now)
            if self.said.banner and not self._first_line:
                self._first_line = now
            if self.said.verdict and not self._verdict_at:
                self._verdict_at = now
                self._bring_forward(SHUTDOWN_GRACE)
            if self.said.hypervisor_answers and not self._answered:
                self._answered = True
                self._bring_forward(DUMP_GRACE)
            if self.said.machine_over:
                if self.said.verdict:
                    self._ending = self._ending or Ending("over")
                else:
                    self._bring_forward(CRASH_GRACE)
            while self.said.echo_wanted:
                if self.said.echo_wanted.pop() == self.promise and answers:
                    self._type(self.promise.encode() + b"\n")
                    self._write_queue(qemu)

    def _bring_forward(self, seconds):
        """End the run after so many seconds of own time, if it does not end earlier."""
        if self.timeout:
            self._deadline = min(self._deadline, self._clock.seconds() + seconds)

    def _check_limits(self, room, qemu):
        if self._ending:
            return
        if self.stop is not None and self.stop.is_set():
            self._ending = Ending("interrupted")
        elif room < 0:
            self._ending = Ending("flood", limit=f"{self.log_max >> 20} MiB")
        elif self._deadline and self._clock.seconds() > self._deadline:
            self._ending = self._late(qemu)
        elif self.watch is not None:
            self._ending = self.watch(self.said, qemu.pid)

    def _late(self, qemu):
        if self.said.machine_over:
            return Ending("over")
        if self.probe and not self.said.verdict:
            self.probe = False
            self._deadline += min(PROBE_GRACE, self.timeout)
            self._type(_PROBE)
            return None
        if self.said.verdict:
            return Ending("timeout", limit=f"{SHUTDOWN_GRACE:.0f} s")
        return Ending("timeout", limit=f"{self.timeout:g} s{self._unread()}")

    def _unread(self):
        """What the program has left of its input, for a message."""
        if not self.feeder or not self.feeder.unread():
            return ""
        received = self.feeder.received()
        return f" (the program has read {received} bytes of its input, and not all)"

    def _show(self, text):
        if self.terminal is not None:
            self.terminal.show(text)

    def _type_for_user(self, data):
        """Pass on what the user typed. Ctrl-A is for the hypervisor, and so is what is typed while
        it listens."""
        if not data:
            self.terminal.keyboard = None
        if self.terminal.is_raw and _END_OF_RUN in data:
            raise KeyboardInterrupt
        if not self.feeder or (data and self._is_raw(data)):
            self._type(data or _END_OF_INPUT)
        else:
            self.feeder.add(data)

    def _is_raw(self, data):
        """Return whether data, from a terminal, is to be typed as it is and not in frames."""
        if self.terminal.is_raw:
            return False
        return self.terminal.is_tty and (b"\x01" in data or self.said.input_to_hypervisor)

    def _type(self, data):
        """Queue bytes for the console."""
        if len(self._queue) + len(data) <= _QUEUE_MAX:
            self._queue += data

    def _write_queue(self, qemu):
        """Write what QEMU takes of the queue. A guest that has just ended does not read it, which
        is not an error."""
        try:
            written = qemu.stdin.write(self._queue) if self._queue else 0
            self._queue = self._queue[written or 0 :]
        except BrokenPipeError:
            self._queue = b""


class Terminal:
    """The user's terminal: it shows the console, and its lines go to the guest.

    is_raw: each key goes to the guest, and the guest's control sequences to the terminal.
    """

    is_raw = False

    def __init__(self):
        self.keyboard = sys.stdin.fileno() if sys.stdin else None
        self.is_tty = self.keyboard is not None and sys.stdin.isatty()

    def show(self, text):
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()


def _wait(qemu, seconds):
    try:
        qemu.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def _end(qemu):
    """Kill a QEMU that still runs; it has no state to save."""
    if qemu.poll() is None:
        qemu.kill()
    qemu.wait()
    qemu.stdin.close()
    qemu.stdout.close()


def _last_error(path):
    """Return QEMU's last error in a text file, of which only the end is read."""
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 2000))
        return emulators.error_of(file.read().decode("utf-8", "replace"))
